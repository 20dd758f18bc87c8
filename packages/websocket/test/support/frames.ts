/**
 * Frames as they stand on the wire, written and read without the code under test: RFC 6455 §5.2. What is wrong can be written, too;
 * what is read is only taken apart.
 */

export const CONTINUATION = 0x0;
export const TEXT = 0x1;
export const BINARY = 0x2;
export const CLOSE = 0x8;
export const PING = 0x9;
export const PONG = 0xa;

/** The reserved bits, as `rsv` has them. */
export const RSV1 = 4;
export const RSV2 = 2;
export const RSV3 = 1;

/** The masking key of the examples in §5.7. */
export const KEY = [0x37, 0xfa, 0x21, 0x3d] as const;

export interface FrameParts {
  /** Default true. */
  fin?: boolean;
  /** RSV1, RSV2 and RSV3 as one number. Default 0. */
  rsv?: number;
  /** Default TEXT. */
  opcode?: number;
  /** Text is written as UTF-8. Default none. */
  payload?: string | Uint8Array;
  /** The masking key; null for a frame that is not masked, as a server's. Default KEY. */
  key?: readonly number[] | null;
  /** What the length says, where that is not the payload's. */
  length?: number | bigint;
  /** Bits of the length; the shortest form that holds it by default. */
  form?: 7 | 16 | 64;
}

/** The bytes of one frame. */
export function frame(parts: FrameParts = {}): Buffer {
  const { fin = true, rsv = 0, opcode = TEXT, key = KEY } = parts;
  const payload = Buffer.from(parts.payload ?? '');
  const head = Buffer.from([(fin ? 0x80 : 0) | (rsv << 4) | opcode]);
  const size = lengthField(BigInt(parts.length ?? payload.length), parts.form, key !== null);
  if (key === null) return Buffer.concat([head, size, payload]);
  return Buffer.concat([head, size, Buffer.from(key), masked(payload, key)]);
}

/** The second byte, with the mask's bit, and the longer length behind it. */
function lengthField(length: bigint, form: 7 | 16 | 64 | undefined, isMasked: boolean): Buffer {
  const bits = form ?? (length < 126n ? 7 : length < 65_536n ? 16 : 64);
  const mask = isMasked ? 0x80 : 0;
  if (bits === 7) return Buffer.from([mask | Number(length)]);
  const field = Buffer.alloc(bits === 16 ? 3 : 9);
  field[0] = mask | (bits === 16 ? 126 : 127);
  if (bits === 16) field.writeUInt16BE(Number(length), 1);
  else field.writeBigUInt64BE(length, 1);
  return field;
}

/** §5.3, byte by byte. */
export function masked(payload: Uint8Array, key: readonly number[]): Buffer {
  return Buffer.from(payload.map((byte, i) => byte ^ (key[i % 4] as number)));
}

type Rest = Omit<FrameParts, 'opcode' | 'payload'>;

export const text = (payload: string | Uint8Array = '', rest: Rest = {}) =>
  frame({ ...rest, opcode: TEXT, payload });
export const binary = (payload: string | Uint8Array = '', rest: Rest = {}) =>
  frame({ ...rest, opcode: BINARY, payload });
export const continuation = (payload: string | Uint8Array = '', rest: Rest = {}) =>
  frame({ ...rest, opcode: CONTINUATION, payload });
export const ping = (payload: string | Uint8Array = '', rest: Rest = {}) =>
  frame({ ...rest, opcode: PING, payload });
export const pong = (payload: string | Uint8Array = '', rest: Rest = {}) =>
  frame({ ...rest, opcode: PONG, payload });
/** Without a code the payload is empty. */
export const close = (code?: number, reason: string | Uint8Array = '', rest: Rest = {}) =>
  frame({ ...rest, opcode: CLOSE, payload: closeText(code, reason) });

function closeText(code: number | undefined, reason: string | Uint8Array): Buffer {
  if (code === undefined) return Buffer.alloc(0);
  return Buffer.concat([Buffer.from([code >> 8, code & 0xff]), Buffer.from(reason)]);
}

/** Bytes written in hex; spaces and line ends are for the eye. */
export function hex(digits: string): Buffer {
  const bytes = Buffer.from(digits.replace(/\s/g, ''), 'hex');
  if (bytes.length * 2 !== digits.replace(/\s/g, '').length) throw new Error(`not hex: ${digits}`);
  return bytes;
}

/** A frame that came. */
export interface Frame {
  readonly fin: boolean;
  readonly rsv: number;
  readonly opcode: number;
  readonly isMasked: boolean;
  /** Unmasked. */
  readonly payload: Buffer;
  /** As it stood on the wire. */
  readonly raw: Buffer;
}

/** The frames in `bytes`, and what is left of one that is not whole. */
export function framesIn(bytes: Buffer): { frames: Frame[]; rest: Buffer } {
  const frames: Frame[] = [];
  let at = 0;
  for (;;) {
    const one = frameAt(bytes.subarray(at));
    if (one === null) return { frames, rest: bytes.subarray(at) };
    frames.push(one);
    at += one.raw.length;
  }
}

function frameAt(bytes: Buffer): Frame | null {
  const [first = 0, second = 0] = bytes;
  const isMasked = (second & 0x80) !== 0;
  const short = second & 0x7f;
  const start = 2 + (short === 126 ? 2 : short === 127 ? 8 : 0) + (isMasked ? 4 : 0);
  if (bytes.length < 2 || bytes.length < start) return null;
  const length =
    short === 126 ? bytes.readUInt16BE(2) : short === 127 ? Number(bytes.readBigUInt64BE(2)) : short;
  if (bytes.length < start + length) return null;
  const body = bytes.subarray(start, start + length);
  return {
    fin: (first & 0x80) !== 0,
    rsv: (first >> 4) & 7,
    opcode: first & 0x0f,
    isMasked,
    payload: isMasked ? masked(body, [...bytes.subarray(start - 4, start)]) : Buffer.from(body),
    raw: Buffer.from(bytes.subarray(0, start + length)),
  };
}

const NAMES: Readonly<Record<number, string>> = {
  [CONTINUATION]: 'continuation',
  [TEXT]: 'text',
  [BINARY]: 'binary',
  [CLOSE]: 'close',
  [PING]: 'ping',
  [PONG]: 'pong',
};

/** A frame in words: `text Hello`, `binary 00ff`, `close 1002 why`, `close`, `ping`; `(more)` for one that is not the last. */
export function say({ fin, rsv, opcode, payload }: Frame): string {
  const words = [NAMES[opcode] ?? `opcode ${opcode}`];
  if (rsv !== 0) words.push(`rsv${rsv}`);
  if (!fin) words.push('(more)');
  if (rsv !== 0 || opcode === BINARY) words.push(payload.toString('hex'));
  else if (opcode !== CLOSE) words.push(payload.toString());
  else if (payload.length > 0) words.push(String(payload.readUInt16BE(0)), payload.subarray(2).toString());
  return words.filter((word) => word !== '').join(' ');
}
