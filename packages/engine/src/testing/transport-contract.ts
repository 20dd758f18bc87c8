/**
 * What every Transport must do, as cases for any test framework:
 *
 *     for (const { name, run } of transportContract(makePair)) it(name, run);
 */
import assert from 'node:assert/strict';
import type { Transport } from '../transport.js';
import { RecordingSink } from './recording-sink.js';

/** Makes two joined transports, not yet opened; `dispose` frees what they stood on. */
export type TransportPairMaker = () => Promise<{ a: Transport; b: Transport; dispose?: () => void }>;

export interface TransportCase {
  readonly name: string;
  readonly run: () => Promise<void>;
}

interface Pair {
  a: Transport;
  b: Transport;
  atA: RecordingSink;
  atB: RecordingSink;
}

const cases: Record<string, (pair: Pair) => Promise<void>> = {
  'says onOpen first': async ({ a, atA, atB }) => {
    a.write('x');
    await atB.until(() => atB.length === 1);
    assert.equal(atA.events[0], 'open');
    assert.equal(atB.events[0], 'open');
  },

  'delivers bytes and latin1 text in order': async ({ a, atB }) => {
    a.write('one \xff ');
    a.write(Buffer.from([0, 1, 2]));
    a.write(' two');
    await atB.until(() => atB.length === 13);
    assert.equal(atB.text, 'one \xff \0\x01\x02 two');
  },

  'keeps order across cork and uncork': async ({ a, atB }) => {
    a.cork();
    a.write('a');
    a.write(Buffer.from('b'));
    a.write('c');
    a.uncork();
    await atB.until(() => atB.length === 3);
    assert.equal(atB.text, 'abc');
  },

  'says onDrain when everything is out': async ({ a, atA }) => {
    a.write('x');
    await atA.until(() => atA.events.includes('drain'));
    assert.equal(a.pendingBytes, 0);
  },

  'lets a paused reader be felt, and loses nothing': async ({ a, b, atA, atB }) => {
    b.pause();
    const piece = Buffer.alloc(1 << 20, 'p');
    for (let i = 0; i < 16; i++) a.write(piece);
    await aWhile();
    assert.equal(atB.length, 0, 'nothing is read while paused');
    assert.ok(a.pendingBytes > 0, 'the writer sees what waits');
    b.resume();
    await atB.until(() => atB.length === 16 << 20);
    await atA.until(() => a.pendingBytes === 0);
  },

  'can be paused from inside onChunk': async ({ a, b, atB }) => {
    atB.onChunk = function (chunk: Buffer) {
      RecordingSink.prototype.onChunk.call(this, chunk);
      b.pause();
    };
    a.write(Buffer.alloc(4 << 20, 'q'));
    await atB.until(() => atB.length > 0);
    const first = atB.length;
    await aWhile();
    assert.equal(atB.length, first);
    atB.onChunk = RecordingSink.prototype.onChunk;
    b.resume();
    await atB.until(() => atB.length === 4 << 20);
  },

  'goes on reading after its own end': async ({ a, b, atA, atB }) => {
    a.write('request');
    a.end();
    await atB.until(() => atB.events.includes('end'));
    assert.equal(atB.text, 'request');
    b.write('answer');
    b.end();
    await Promise.all([atA.closed(), atB.closed()]);
    assert.equal(atA.text, 'answer');
    assert.deepEqual([atA.events.at(-1), atB.events.at(-1)], ['close', 'close']);
  },

  'says onClose once, and nothing after it': async ({ a, b, atA, atB }) => {
    a.abort();
    a.abort();
    await atA.closed();
    // Whether the other side sees an end or a reset is the system's affair; it must learn of it.
    await atB.until(() => atB.events.some((event) => event === 'end' || event.startsWith('close')));
    b.abort();
    await atB.closed();
    for (const sink of [atA, atB]) {
      assert.equal(sink.events.filter((event) => event.startsWith('close')).length, 1);
      assert.match(sink.events.at(-1) ?? '', /^close/);
    }
  },
};

/** Long enough for what has arrived to be read: the event loop polls between two turns. */
async function aWhile(): Promise<void> {
  for (let turn = 0; turn < 4; turn++) await new Promise((resolve) => setImmediate(resolve));
}

/** The cases, each with a pair of its own. */
export function transportContract(makePair: TransportPairMaker): TransportCase[] {
  return Object.entries(cases).map(([name, check]) => ({
    name,
    async run() {
      const { a, b, dispose } = await makePair();
      const atA = new RecordingSink();
      const atB = new RecordingSink();
      a.open(atA);
      b.open(atB);
      try {
        await Promise.all([atA, atB].map((sink) => sink.until(() => sink.events.includes('open'))));
        await check({ a, b, atA, atB });
      } finally {
        a.abort();
        b.abort();
        dispose?.();
      }
    },
  }));
}
