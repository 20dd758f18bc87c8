/** What a request's head says, once it is understood. Pure data. */
import type { RequestFraming } from './framing.js';

export interface RequestHead {
  readonly method: string;
  /** The request target as it was sent. */
  readonly target: string;
  /** 'HTTP/1.1', or another 1.x. */
  readonly protocol: string;
  /** 0 for HTTP/1.0, 1 for HTTP/1.1 and later ones of its kind. */
  readonly minor: 0 | 1;
  /** The header section, checked, without its empty line: what `HTTPHeaders.fromBlock` takes. */
  readonly fields: string;
  /** The authority asked for: of an absolute target, else of Host; null where neither is. */
  readonly host: string | null;
  readonly framing: RequestFraming;
  /** Whether the client lets the connection stay: RFC 9112 §9.3. */
  readonly keepAlive: boolean;
  /** The client waits for 100 Continue before it sends the content: RFC 9110 §10.1.1. */
  readonly expectsContinue: boolean;
  /** The protocols offered in Upgrade, when Connection names it as well: RFC 9110 §7.8. */
  readonly upgrade: string | null;
}
