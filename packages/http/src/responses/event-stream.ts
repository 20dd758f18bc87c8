/** Server-Sent Events: stub. */
import type { HTTPRequest } from '../server/http-request.js';

export interface ServerEvent {
  /** Text goes out as it is, anything else as JSON. */
  data: unknown;
  event?: string | undefined;
  id?: string | undefined;
  /** Milliseconds until the client connects again. */
  retry?: number | undefined;
}

export class EventStream {
  constructor(_request: HTTPRequest) {}
}
