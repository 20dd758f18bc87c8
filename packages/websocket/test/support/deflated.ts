/** Whole messages under permessage-deflate. */
import { compress, inflate, packed } from './deflate.js';
import { BINARY, type Frame, TEXT } from './frames.js';

/** A message as a client sends it, which refers to no earlier one. */
export function deflated(message: string | Uint8Array): Buffer {
  return packed(compress(message), { opcode: typeof message === 'string' ? TEXT : BINARY });
}

/** What a frame says, if it stands for itself: inflated where RSV1 is set. One character a byte. */
export function inflated({ rsv, payload }: Frame): string {
  return (rsv === 0 ? payload : inflate(payload)).toString('latin1');
}
