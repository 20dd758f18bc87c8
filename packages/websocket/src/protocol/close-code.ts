/** Close codes: RFC 6455 §7.4 and the registry of its §11.7. Pure. */

/** What `onClose` is told where the peer's Close had no code, and where there was no Close. Neither is ever sent. */
export const NO_CODE = 1005;
export const NO_CLOSE = 1006;
export const NORMAL = 1000;
export const GOING_AWAY = 1001;
export const INTERNAL_ERROR = 1011;

/** The longest reason in bytes: a control frame has 125, the code takes two. */
export const LONGEST_REASON = 123;

/** Whether a Close frame may have this code. */
export function maySend(code: number): boolean {
  if (code >= 3000 && code <= 4999) return Number.isInteger(code);
  return Number.isInteger(code) && code >= 1000 && code <= 1014 && !(code >= 1004 && code <= 1006);
}

/** The payload of a Close frame; a long `reason` is cut, between two characters. */
export function closePayload(code: number, reason: string): Buffer {
  if (code === NO_CODE) return Buffer.alloc(0);
  const payload = Buffer.alloc(2 + LONGEST_REASON);
  payload.writeUInt16BE(code);
  return payload.subarray(0, 2 + payload.write(reason, 2));
}
