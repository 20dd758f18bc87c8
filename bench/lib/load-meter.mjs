/**
 * What a load generator counts: replies, how long each took, and what the server's processes spent from the first
 * message on; the connections may have been dear to open. The result is one line for lib/tcp-load.mjs.
 */
import { cpuMicroseconds } from './cpu.mjs';

/** Latencies are counted in steps of 10 µs, up to a second. */
const STEP_MS = 0.01;
const STEPS = 100_000;

/** How long the last replies are awaited. */
const PATIENCE_MS = 5_000;

export class LoadMeter {
  #latencies = new Uint32Array(STEPS);
  #pids;
  #noted = 0;
  #begun = 0;
  #spent = 0;
  #elapsed = 0;
  #isReported = false;

  /** @param {readonly number[]} pids The server's. */
  constructor(pids) {
    this.#pids = pids;
  }

  /**
   * The load starts, for so long.
   *
   * @param {number} seconds
   */
  begin(seconds) {
    setTimeout(() => this.fail('a reply does not come'), seconds * 1_000 + PATIENCE_MS);
    this.#spent = -cpuMicroseconds(this.#pids);
    this.#begun = performance.now();
  }

  /** The time is up: what comes now is awaited and compared, and not counted. */
  end() {
    this.#elapsed = (performance.now() - this.#begun) / 1_000;
    this.#spent += cpuMicroseconds(this.#pids);
  }

  get isOver() {
    return this.#elapsed > 0;
  }

  get elapsedMs() {
    return performance.now() - this.#begun;
  }

  /** @param {number} latencyMs */
  note(latencyMs) {
    this.#noted++;
    const step = Math.min(STEPS - 1, Math.floor(latencyMs / STEP_MS));
    this.#latencies[step] = (this.#latencies[step] ?? 0) + 1;
  }

  /** @param {number} requests What each noted reply stands for. */
  finish(requests) {
    this.#report({
      requests: this.#noted * requests,
      seconds: this.#elapsed,
      spentUs: this.#spent,
      p99Ms: this.#percentile(0.99),
    });
  }

  /** @param {string} error */
  fail(error) {
    this.#report({ error });
  }

  /** @param {object} result */
  #report(result) {
    if (this.#isReported) return;
    this.#isReported = true;
    // The system closes the sockets, faster than we would.
    process.stdout.write(`BENCH ${JSON.stringify(result)}\n`, () => process.exit());
  }

  /** @param {number} share */
  #percentile(share) {
    let left = this.#noted * (1 - share);
    let step = STEPS;
    while (step > 0 && left >= 0) left -= this.#latencies[--step] ?? 0;
    return (step + 1) * STEP_MS;
  }
}
