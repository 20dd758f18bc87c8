/**
 * A client at the near end of a wire in memory: the test is the server, byte by byte, on a clock that stands still.
 *
 *     const wire = await clientWire();
 *     await wire.answer(wire.switching());
 *     expect(wire.result).to.equal('open');
 */
import { createHash } from 'node:crypto';
import type { Engine } from '@inseam/engine';
import {
  type FakeClock,
  fakeClock,
  type MemoryTransport,
  memoryPair,
  RecordingSink,
} from '@inseam/engine/testing';
import type { ConnectOptions } from '@inseam/websocket';
import { expect } from 'chai';
import { prepare } from '#websocket/client/connect.js';
import { internals } from '#websocket/websocket.js';
import { type CodeLog, engineWith, RecordingSocket } from './client-parts.js';

export interface ClientWire {
  readonly socket: RecordingSocket;
  readonly engine: Engine;
  readonly clock: FakeClock;
  readonly log: CodeLog;
  /** The server's end. */
  readonly server: MemoryTransport;
  /** What the client has sent. */
  readonly sink: RecordingSink;
  /** Null while the handshake goes on, 'open', or what the promise rejected with. */
  readonly result: unknown;
  /** The 101 for this client's key, with these further lines. */
  switching(...lines: string[]): string;
  /** Sends as it is, one chunk each, and lets everything come to rest. */
  answer(...chunks: (string | Uint8Array)[]): Promise<void>;
  settle(): Promise<void>;
  /** Moves the time on in steps of 50 ms, as a running engine would see it. */
  pass(ms: number): Promise<void>;
}

export interface ClientWireOptions extends ConnectOptions {
  url?: string;
  args?: unknown[];
  socket?: RecordingSocket;
  /** Another one, whose engine and clock this one shares. */
  beside?: ClientWire;
}

const wires: ClientWire[] = [];

export async function clientWire(given: ClientWireOptions = {}): Promise<ClientWire> {
  const { url = 'ws://example.com/', args = [], socket = new RecordingSocket(), beside, ...options } = given;
  const clock = beside?.clock ?? fakeClock();
  const { engine, log } = beside ?? engineWith(clock);
  const { stream } = prepare((opening) => internals.open(socket, opening), url, { ...options, engine }, args);
  const [server, near] = memoryPair();
  const sink = new RecordingSink();
  let result: unknown = null;
  stream.outcome.then(
    () => {
      result = 'open';
    },
    (error) => {
      result = error;
    },
  );
  const settle = async () => {
    for (let round = 0; round < 4; round++) {
      clock.advance(0);
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  const wire: ClientWire = {
    socket,
    engine,
    clock,
    log,
    server,
    sink,
    get result() {
      return result;
    },
    switching: (...lines) => switching(keyIn(sink.text), ...lines),
    async answer(...chunks) {
      for (const chunk of chunks) server.write(chunk);
      await settle();
    },
    settle,
    async pass(ms) {
      await settle();
      for (let passed = 0; passed < ms; passed += 50) clock.advance(Math.min(50, ms - passed));
      await settle();
    },
  };
  wires.push(wire);
  server.open(sink);
  stream.attach(near);
  stream.followSignal();
  await settle();
  return wire;
}

/** A 101 as RFC 6455 §4.2.2 has it; a line that is given replaces the one of its name. */
export function switching(key: string, ...lines: string[]): string {
  const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
  const names = new Set(lines.map((line) => line.split(':')[0]?.toLowerCase()));
  const usual = ['Upgrade: websocket', 'Connection: Upgrade', `Sec-WebSocket-Accept: ${accept}`].filter(
    (line) => !names.has(line.split(':')[0]?.toLowerCase()),
  );
  // "Name:" alone stands for none.
  const others = lines.filter((line) => !line.endsWith(':'));
  return ['HTTP/1.1 101 Switching Protocols', ...usual, ...others, '', ''].join('\r\n');
}

export function keyIn(request: string): string {
  return /^Sec-WebSocket-Key: (.*)\r$/m.exec(request)?.[1] ?? '';
}

/** An unmasked frame of fewer than 126 bytes, as a server sends it. */
export function serverFrame(opcode: number, payload: string | Uint8Array): Buffer {
  const bytes = Buffer.from(payload as string);
  return Buffer.concat([Buffer.from([0x80 | opcode, bytes.length]), bytes]);
}

/** The frames of a client, unmasked. */
export function clientFrames(bytes: Buffer): { opcode: number; key: string; payload: Buffer }[] {
  const frames: { opcode: number; key: string; payload: Buffer }[] = [];
  for (let at = 0; at < bytes.length; ) {
    const short = (bytes[at + 1] ?? 0) & 0x7f;
    if ((bytes[at + 1] ?? 0) < 0x80) throw new Error('a frame is not masked');
    const extra = short === 126 ? 2 : short === 127 ? 8 : 0;
    const length =
      extra === 0 ? short : extra === 2 ? bytes.readUInt16BE(at + 2) : Number(bytes.readBigUInt64BE(at + 2));
    const start = at + 2 + extra;
    const key = bytes.subarray(start, start + 4);
    const payload = bytes.subarray(start + 4, start + 4 + length).map((byte, i) => byte ^ (key[i & 3] ?? 0));
    frames.push({ opcode: (bytes[at] ?? 0) & 0x0f, key: key.toString('hex'), payload: Buffer.from(payload) });
    at = start + 4 + length;
  }
  return frames;
}

const unhandled: unknown[] = [];
const note = (reason: unknown) => void unhandled.push(reason);
beforeEach(() => void process.on('unhandledRejection', note));

afterEach('nothing is left open', async () => {
  process.off('unhandledRejection', note);
  expect(unhandled.splice(0), 'rejections that nobody handled').to.deep.equal([]);
  for (const { engine, settle, clock } of wires.splice(0)) {
    for (const channel of engine.channels) channel.abort();
    await settle();
    expect(engine.channels.size, 'open channels').to.equal(0);
    expect(clock.pending, 'pending timers').to.equal(0);
  }
});
