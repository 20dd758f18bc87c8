/** Sources for streamed responses, of every kind, that write down what becomes of them. */
import { Readable } from 'node:stream';
import type { ContentSource } from '@inseam/http';
/** A source and what has become of it. */
export interface Watched {
  readonly source: ContentSource;
  /** What it was told: 'pulled' for each piece asked for, 'ended' when it was given up or at its end. */
  readonly log: string[];
}
/** The kinds of sources; each gives `pieces`, and then ends, or with `isSilent` never says anything again. */
export const SOURCES: Record<string, (pieces: readonly (string | Buffer)[], isSilent?: boolean) => Watched> =
  {
    'a Readable': (pieces, isSilent = false) => {
      const log: string[] = [];
      const rest = [...pieces];
      const source = new Readable({
        highWaterMark: 1,
        read() {
          log.push('pulled');
          const piece = rest.shift();
          if (piece !== undefined) this.push(piece);
          else if (!isSilent) this.push(null);
        },
        destroy(error, done) {
          log.push('ended');
          done(error);
        },
      });
      return { source, log };
    },
    'an async generator': (pieces, isSilent = false) => {
      const log: string[] = [];
      async function* generate() {
        log.push('pulled');
        try {
          yield* pieces;
          if (isSilent) await new Promise(() => {});
        } finally {
          log.push('ended');
        }
      }
      return { source: generate(), log };
    },
    'an async iterable': (pieces, isSilent = false) => {
      const log: string[] = [];
      const rest = [...pieces];
      const source = {
        [Symbol.asyncIterator]: () => ({
          next: () => {
            log.push('pulled');
            const value = rest.shift();
            if (value === undefined && isSilent) return new Promise<never>(() => {});
            return Promise.resolve(value === undefined ? { done: true as const, value } : { value });
          },
          return: () => {
            log.push('ended');
            return Promise.reject(new Error('nobody listens'));
          },
        }),
      };
      return { source, log };
    },
    'a ReadableStream': (pieces, isSilent = false) => {
      const log: string[] = [];
      const rest = [...pieces];
      const source = new ReadableStream<string | Uint8Array>(
        {
          pull(controller) {
            log.push('pulled');
            const piece = rest.shift();
            if (piece !== undefined) controller.enqueue(piece);
            else if (!isSilent) {
              log.push('ended');
              controller.close();
            } else return new Promise(() => {});
            return undefined;
          },
          cancel() {
            log.push('ended');
            throw new Error('nobody listens');
          },
        },
        { highWaterMark: 0 },
      );
      return { source, log };
    },
  };
