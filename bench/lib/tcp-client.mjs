/**
 * The load generator of the works that are not HTTP: a process of its own, which lib/tcp-load.mjs starts. Every
 * connection sends `message` `batch` times in one segment, waits for as many replies, and sends again. It knows
 * bytes only, so it serves any protocol whose messages can be written down. Each reply is compared.
 *
 * All connections read into one buffer, and times go into a table: the less this process spends on a message, the
 * busier it keeps the server.
 */
import { connect } from 'node:net';

/** Latencies are counted in steps of 10 µs, up to a second. */
const STEP_MS = 0.01;
const STEPS = 100_000;

/** How long the last replies are awaited. */
const PATIENCE_MS = 5_000;

const { port, connections, seconds, batch, ...options } = JSON.parse(process.argv[2] ?? '{}');
const segment = Buffer.from(options.message.repeat(batch), 'latin1');
const reply = Buffer.from(options.reply.repeat(batch), 'latin1');
const received = Buffer.allocUnsafeSlow(65_536);
const latencies = new Uint32Array(STEPS);

let batches = 0;
let connected = 0;
let begun = 0;
/** Set when the time is up; what comes then is awaited and compared, and not counted. */
let elapsed = 0;
let finished = 0;
let isReported = false;

/** @type {Connection[]} */
const all = [];

class Connection {
  #awaited = 0;
  #sent = 0;
  #socket;

  constructor() {
    this.#socket = connect(
      { port, host: '127.0.0.1', noDelay: true, onread: { buffer: received, callback: this.#onRead } },
      () => {
        if (++connected === connections) begin();
      },
    );
    this.#socket.on('error', (error) => fail(error.message));
    this.#socket.on('close', () => fail('the server closed a connection'));
  }

  send() {
    this.#sent = performance.now();
    this.#awaited = reply.length;
    this.#socket.write(segment);
  }

  /** @type {(length: number, bytes: Uint8Array) => boolean} */
  #onRead = (length, bytes) => {
    const from = reply.length - this.#awaited;
    if (length > this.#awaited || reply.compare(bytes, 0, length, from, from + length) !== 0) {
      fail('a reply differs');
      return false;
    }
    this.#awaited -= length;
    if (this.#awaited > 0) return true;
    if (elapsed === 0) {
      note(performance.now() - this.#sent);
      this.send();
    } else if (++finished === connections) {
      report({ requests: batches * batch, seconds: elapsed, p99Ms: percentile(0.99) });
    }
    return true;
  };
}

for (let count = 0; count < connections; count++) all.push(new Connection());

function begin() {
  begun = performance.now();
  setTimeout(end, seconds * 1_000);
  for (const connection of all) connection.send();
}

function end() {
  elapsed = (performance.now() - begun) / 1_000;
  setTimeout(() => fail('a reply does not come'), PATIENCE_MS);
}

/** @param {number} latencyMs */
function note(latencyMs) {
  batches++;
  const step = Math.min(STEPS - 1, Math.floor(latencyMs / STEP_MS));
  latencies[step] = (latencies[step] ?? 0) + 1;
}

/** @param {string} error */
function fail(error) {
  report({ error });
}

/** @param {object} result */
function report(result) {
  if (isReported) return;
  isReported = true;
  // The system closes the sockets, faster than we would.
  process.stdout.write(`BENCH ${JSON.stringify(result)}\n`, () => process.exit());
}

/** @param {number} share */
function percentile(share) {
  let left = batches * (1 - share);
  let step = STEPS;
  while (step > 0 && left >= 0) left -= latencies[--step] ?? 0;
  return (step + 1) * STEP_MS;
}
