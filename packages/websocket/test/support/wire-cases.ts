/**
 * Case tables for what comes over the wire: each case is fed in every way and with a message behind it, once with permessage-deflate
 * agreed on and once without.
 */
import { feedEveryWay } from '@inseam/engine/testing';
import { WEBSOCKET_ERRORS, type WebSocketErrorCode } from '@inseam/websocket';
import { expect } from 'chai';
import { text } from './frames.js';
import { type SocketWire, type SocketWireOptions, socketWire } from './wire.js';

export interface WireCase {
  readonly name: string;
  readonly bytes: Uint8Array | readonly Uint8Array[];
  /** What the handlers are told after onConnect. */
  readonly calls?: readonly string[];
  /** The frames that come back. */
  readonly answers?: readonly string[];
  /** The close code that it is refused with, and the error's: behind `calls` and `answers`. */
  readonly fails?: `${number} ${WebSocketErrorCode}`;
  /** Whether the last message is not whole, so that nothing is to be sent behind it. */
  readonly isPart?: boolean;
  /** Only with permessage-deflate, or only without. */
  readonly only?: 'plain' | 'deflate';
  readonly options?: SocketWireOptions;
}

interface Outcome {
  readonly calls: readonly string[];
  readonly answers: readonly string[];
  readonly ended: boolean;
}

export const DEFLATE: SocketWireOptions = { perMessageDeflate: true, offer: 'permessage-deflate' };

/** One test for each case. */
export function itReads(cases: readonly WireCase[]): void {
  for (const one of cases) {
    it(`${one.fails === undefined ? '' : `${one.fails}: `}${one.name}`, async () => {
      if (one.only !== 'deflate') await check(one, one.options ?? {});
      if (one.only !== 'plain') await check(one, { ...DEFLATE, ...one.options });
    });
  }
}

async function check(one: WireCase, options: SocketWireOptions): Promise<void> {
  const bytes = Buffer.concat([one.bytes].flat() as Uint8Array[]);
  const expected = outcomeOf(one);
  await feedAll(bytes, expected, options);
  if (one.isPart) return;
  const calls = expected.ended ? expected.calls : [...expected.calls, 'text after'];
  await feedAll(Buffer.concat([bytes, text('after')]), { ...expected, calls }, options);
}

function outcomeOf({ calls = [], answers = [], fails }: WireCase): Outcome {
  if (fails === undefined) {
    const ended = calls.at(-1)?.startsWith('close') ?? false;
    return { calls: ['connect', ...calls], answers, ended };
  }
  const [closeCode, code] = fails.split(' ') as [string, WebSocketErrorCode];
  return {
    calls: ['connect', ...calls, `close 1006 (${code})`],
    answers: [...answers, `close ${closeCode} ${WEBSOCKET_ERRORS[code].message}`],
    ended: true,
  };
}

interface Way {
  readonly way: string;
  readonly chunks: Buffer[];
  /** Each chunk in a turn of its own. */
  readonly isSlow?: boolean;
}

/** Fewer than there are, for they take time: whole, byte by byte in one turn and in many, at random, and in two at some places. */
function* waysOf(bytes: Buffer): Generator<Way> {
  const step = Math.ceil(bytes.length / 8);
  for (const { way, chunks } of feedEveryWay(bytes)) {
    const isInTwo = way.startsWith('cut at ') && chunks.length === 2;
    if (chunks.length > 10_000 || /seed [4-8]$/.test(way)) continue;
    if (isInTwo && ((chunks[0] as Buffer).length - 1) % step !== 0) continue;
    yield { way, chunks };
    if (way === 'byte by byte' && chunks.length < 300) yield { way: `${way}, slowly`, chunks, isSlow: true };
  }
}

/** Each way has a WebSocket of its own; they are fed side by side. */
async function feedAll(bytes: Buffer, expected: Outcome, options: SocketWireOptions): Promise<void> {
  const ways = [...waysOf(bytes)];
  const first = await socketWire(undefined, options);
  const others = await Promise.all(ways.slice(1).map(() => first.anotherSocket()));
  const sockets = [first, ...others];
  for (const [i, { chunks, isSlow }] of ways.entries()) {
    const far = sockets[i] as SocketWire;
    for (const chunk of chunks) {
      if (isSlow) await new Promise((resolve) => setImmediate(resolve));
      far.send(chunk);
    }
  }
  await patience(sockets, expected.calls.length);
  const answers = await Promise.all(sockets.map((far) => far.take()));
  for (const [i, { way }] of ways.entries()) {
    const { calls, ended } = sockets[i] as SocketWire;
    expect({ calls, answers: answers[i], ended }, way).to.deep.equal(expected);
  }
}

/** Threads of zlib take their time; what does not come at all is seen when it is compared. */
async function patience(sockets: readonly SocketWire[], count: number): Promise<void> {
  for (let round = 0; round < 50_000; round++) {
    if (sockets.every(({ calls }) => calls.length >= count)) return;
    await (sockets[0] as SocketWire).settle();
  }
}
