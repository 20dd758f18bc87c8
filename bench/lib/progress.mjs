/** Where the benchmark is, on standard error: one line that changes in a terminal, a line for each turn elsewhere. */

/** Starting, checking and stopping a server, about. */
const OVERHEAD_SECONDS = 0.5;

export class Progress {
  #turns;
  #turnSeconds;
  #done = 0;

  /**
   * @param {number} turns
   * @param {number} loadSeconds
   */
  constructor(turns, loadSeconds) {
    this.#turns = turns;
    this.#turnSeconds = loadSeconds + OVERHEAD_SECONDS;
  }

  /**
   * A turn begins.
   *
   * @param {string} what
   */
  turn(what) {
    const left = Math.round((this.#turns - this.#done) * this.#turnSeconds);
    this.#done++;
    const time = left < 100 ? `${left} s` : `${Math.round(left / 60)} min`;
    this.clear();
    process.stderr.write(
      `${this.#done}/${this.#turns} ${what}, ${time} left${process.stderr.isTTY ? '' : '\n'}`,
    );
  }

  clear() {
    if (process.stderr.isTTY) process.stderr.write('\r\x1b[2K');
  }
}
