/** Pings that carry nothing of the user's: numbered, so that a pong tells how long it took. Pure. */

/** Pings whose pongs are awaited; more are forgotten, the oldest first. */
const MOST = 64;
const PREFIX = 'inseam ';

interface Ping {
  readonly text: string;
  readonly sentAt: number;
  readonly isAsked: boolean;
}

export class Pings {
  #count = 0;
  #sent: Ping[] = [];

  /** The payload of the next ping; `isAsked` when it is the user who wants to know. */
  next(now: number, isAsked: boolean): Buffer {
    const text = `${PREFIX}${++this.#count}`;
    this.#sent.push({ text, sentAt: now, isAsked });
    if (this.#sent.length > MOST) this.#sent.shift();
    return Buffer.from(text);
  }

  /**
   * Milliseconds for the user, 'keep-alive' for a ping of ours, or null for what answers none. A pong may answer several pings at
   * once, by the latest: RFC 6455 §5.5.3.
   */
  answer(pong: Buffer, now: number): number | 'keep-alive' | null {
    const text = pong.toString('latin1');
    const index = this.#sent.findIndex((ping) => ping.text === text);
    if (index === -1) return null;
    const answered = this.#sent.splice(0, index + 1).reverse();
    const asked = answered.find((ping) => ping.isAsked);
    return asked === undefined ? 'keep-alive' : now - asked.sentAt;
  }
}
