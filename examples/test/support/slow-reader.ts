/** A peer that writes and does not read, for tests of back-pressure. */
import type { Socket } from 'node:net';

/** Blocks of a megabyte that no chain of socket buffers takes, as long as nobody reads them. */
export const MANY = 64;

/**
 * Stops reading and writes MANY blocks. Resolves to how many of them the system took while `turn` ran 200 times: whoever is to
 * read them had its turns, and could have taken everything.
 */
export async function blocksTaken(
  socket: Socket,
  block: (i: number) => string | Uint8Array,
  turn: (i: number) => Promise<unknown>,
): Promise<number> {
  socket.removeAllListeners('data').pause();
  let taken = 0;
  for (let i = 0; i < MANY; i++) socket.write(block(i), () => taken++);
  for (let i = 0; i < 200; i++) await turn(i);
  return taken;
}

/** Reads on, one character for each byte, until `length` of them have come; `take` gets them. */
export async function readOn(
  socket: Socket,
  length: number,
  take: (text: string) => void = () => {},
): Promise<void> {
  let missing = length;
  for await (const text of socket.setEncoding('latin1') as AsyncIterable<string>) {
    take(text);
    missing -= text.length;
    if (missing === 0) return;
    if (missing < 0) throw new Error(`${-missing} bytes too many`);
  }
  throw new Error(`${missing} bytes too few`);
}
