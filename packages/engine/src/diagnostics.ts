/**
 * What `node:diagnostics_channel` hears of: tracing tools subscribe without a change to the program. Nothing is made
 * or published while nobody subscribes.
 *
 *     subscribe('inseam:channel:open', ({ channel }) => …)
 */
import { channel } from 'node:diagnostics_channel';

export const diagnostics = Object.freeze({
  /** `{ channel }`: a server listens, or a stream or datagram socket opens; a stream may still be connecting. */
  open: channel('inseam:channel:open'),
  /** `{ channel, reason }`: it is closed; `reason` is what its `onClose` got. */
  close: channel('inseam:channel:close'),
  /** `{ stream, server }`: a server has accepted a connection. */
  accept: channel('inseam:server:accept'),
  /** `{ error, message, channel }`: user code failed; `channel` is null for a timer. */
  error: channel('inseam:error'),
});
