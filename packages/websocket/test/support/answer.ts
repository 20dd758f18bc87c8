/** What a handshake was answered with, in words: `400 why`, `101`. */
import type { Wire } from './wire.js';

/** Sends `bytes`; the status of the answer, its body behind it, and the named headers. */
export async function answerTo(far: Wire, bytes: string | Uint8Array): Promise<Answer> {
  far.send(bytes);
  const head = await far.takeHead();
  const body = (await far.takeBytes()).toString('latin1');
  const [start = '', ...lines] = head.split('\r\n');
  return {
    status: Number(start.split(' ')[1]),
    head,
    body,
    all: (name) =>
      lines
        .filter((line) => line.toLowerCase().startsWith(`${name.toLowerCase()}: `))
        .map((line) => line.slice(name.length + 2)),
  };
}

export interface Answer {
  readonly status: number;
  readonly head: string;
  readonly body: string;
  /** The values of a header, one a line. */
  all(name: string): string[];
}
