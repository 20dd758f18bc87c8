/**
 * A connection of the load generators that count bytes: it opens as its protocol demands, then compares whatever
 * comes with what should. It knows no protocol; what there is to send and to expect is written down beforehand.
 *
 * All connections of a process read into one buffer: the less it spends on a message, the busier the server is.
 */
import { connect } from 'node:net';

/** Fewer than any server lets wait. */
const AT_ONCE = 100;
const PATIENCE_MS = 5_000;

const received = Buffer.allocUnsafeSlow(65_536);

/**
 * @typedef {object} Opening What a connection begins with, where its protocol wants that.
 * @property {string} request
 * @property {readonly string[]} answer Its head, which ends in an empty line, begins with the first and holds the rest.
 *
 * @typedef {object} Exchange Each in base64, for the way here is a command line of at most 128 KiB.
 * @property {string} segment What a connection sends at once.
 * @property {string} reply All that comes back.
 */

export class LoadConnection {
  #reply;
  #opening;
  #answer = '';
  #awaited = 0;
  #opened;
  #replied;
  #failed;
  #socket;

  /**
   * @param {object} options
   * @param {number} options.port
   * @param {Opening | undefined} options.opening
   * @param {Buffer} options.reply What is expected, each time.
   * @param {() => void} options.opened
   * @param {() => void} options.replied
   * @param {(reason: string) => void} options.failed
   */
  constructor({ port, opening, reply, opened, replied, failed }) {
    this.#reply = reply;
    this.#opening = opening;
    this.#opened = opened;
    this.#replied = replied;
    this.#failed = failed;
    this.#socket = connect(
      { port, host: '127.0.0.1', noDelay: true, onread: { buffer: received, callback: this.#onRead } },
      () => (opening === undefined ? this.#open() : this.#socket.write(opening.request)),
    );
    this.#socket.setTimeout(PATIENCE_MS, () => failed('a connection does not open'));
    this.#socket.on('error', (error) => failed(error.message));
    this.#socket.on('close', () => failed('the server closed a connection'));
  }

  /** Until then, nothing may come. */
  expect() {
    this.#awaited = this.#reply.length;
  }

  /** @param {Buffer} bytes */
  write(bytes) {
    this.#socket.write(bytes);
  }

  /** @type {(length: number, bytes: Uint8Array) => boolean} */
  #onRead = (length, bytes) => {
    if (this.#opening !== undefined) return this.#readAnswer(this.#opening, bytes.subarray(0, length));
    const from = this.#reply.length - this.#awaited;
    if (length > this.#awaited || this.#reply.compare(bytes, 0, length, from, from + length) !== 0) {
      this.#failed('a reply differs');
      return false;
    }
    this.#awaited -= length;
    if (this.#awaited === 0) this.#replied();
    return true;
  };

  /**
   * @param {Opening} opening
   * @param {Uint8Array} bytes
   */
  #readAnswer({ answer: [start = '', ...fields] }, bytes) {
    this.#answer += Buffer.from(bytes).toString('latin1');
    if (!this.#answer.includes('\r\n\r\n')) return true;
    const isOpen =
      this.#answer.startsWith(start) &&
      this.#answer.endsWith('\r\n\r\n') &&
      fields.every((field) => this.#answer.includes(field));
    if (!isOpen) {
      this.#failed(`the connection does not open: ${JSON.stringify(this.#answer)}`);
      return false;
    }
    this.#open();
    return true;
  }

  #open() {
    this.#socket.setTimeout(0);
    this.#opening = undefined;
    this.#answer = '';
    this.#opened();
  }
}

/**
 * Resolves when so many connections stand.
 *
 * @param {number} count
 * @param {(index: number, opened: () => void) => LoadConnection} make
 */
export async function openAll(count, make) {
  /** @type {LoadConnection[]} */
  const all = [];
  while (all.length < count) {
    const batch = Array.from({ length: Math.min(AT_ONCE, count - all.length) }, () => {
      /** @type {Promise<void>} */
      const opened = new Promise((resolve) => all.push(make(all.length, resolve)));
      return opened;
    });
    await Promise.all(batch);
  }
  return all;
}
