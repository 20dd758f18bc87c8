/**
 * Connecting to a host of several addresses: their order, and a race in which no slow address holds up the others.
 *
 * "Happy eyeballs", RFC 8305 §4 and §5. Its §3, a question for each family, is left to the system's resolver, which
 * answers for both at once. Knows no transport and no clock: sockets and time are given to it.
 */
import { isIP, type Socket } from 'node:net';
import { asError } from '../errors.js';
import { ENGINE_LIMITS } from '../limits.js';
import type { ResolvedAddress, Resolver } from '../resolver.js';

/** The order in which to try `addresses`: the families by turns, the first one's first; none twice (RFC 8305 §4). */
export function interleave(addresses: readonly ResolvedAddress[]): ResolvedAddress[] {
  const unique = [...new Map(addresses.map((one) => [one.address, one])).values()];
  const preferred = unique.filter((one) => one.family === unique[0]?.family);
  const others = unique.filter((one) => one.family !== unique[0]?.family);
  return unique.flatMap((_, i) => [...preferred.slice(i, i + 1), ...others.slice(i, i + 1)]);
}

/** What a race is given. */
export interface RaceOptions {
  /** Makes a socket that is not connected. It is the race's until it is handed to `done`. */
  readonly makeSocket: () => Socket;
  /** Calls `wake` once after `ms` milliseconds; answers what cancels it, which may be called later, too. */
  readonly delay: (ms: number, wake: () => void) => () => void;
}

/** Is given the winner, or why there is none; never both. */
export type RaceEnd = (error: Error | null, socket: Socket | null) => void;

export interface ConnectRace {
  /** Destroys every socket that is still the race's; `done` is not called any more. Does nothing after it was. */
  cancel(): void;
}

/**
 * Connects to the first of `addresses`, tried in their order, that takes it: the next one joins in when one has failed,
 * or ENGINE_LIMITS.attemptDelayMs after the last one did (RFC 8305 §5).
 *
 * `done` is called exactly once, never during this call. The winner comes connected, within its 'connect' event, with
 * no listener of the race's on it: put yours on it during that call, so that no error of its finds none. An error is
 * the system's own for one address; for several an AggregateError of them, in the order of the addresses, with their
 * `code` where all have the same.
 */
export function raceToConnect(
  addresses: readonly ResolvedAddress[],
  port: number,
  options: RaceOptions,
  done: RaceEnd,
): ConnectRace {
  return new Race(addresses, port, options, done);
}

/** `raceToConnect` for a name: by all the addresses that the resolver has for it, in the order of RFC 8305 §4. */
export function raceToHost(
  host: string,
  port: number,
  options: RaceOptions & { readonly resolver: Resolver },
  done: RaceEnd,
): ConnectRace {
  let race: ConnectRace | null = null;
  let isCancelled = false;
  // What `done` throws must not come back as a failure of the resolver's.
  const settle = (error: Error | null, addresses: readonly ResolvedAddress[]) => {
    if (isCancelled) return;
    if (error === null) race = raceToConnect(addresses, port, options, done);
    else process.nextTick(() => isCancelled || done(error, null));
  };
  resolve(options.resolver, host).then(
    (addresses) => settle(null, addresses),
    (error: unknown) => settle(asError(error), []),
  );
  return {
    cancel() {
      isCancelled = true;
      race?.cancel();
    },
  };
}

/** In the order to try. A resolver may be the user's: one that throws, or answers with something else, has failed. */
async function resolve(resolver: Resolver, host: string): Promise<readonly ResolvedAddress[]> {
  const addresses = await resolver.resolve(host);
  if (Array.isArray(addresses)) return interleave(addresses);
  throw new Error(`the resolver has no list of addresses for ${host}`);
}

class Race implements ConnectRace {
  readonly #addresses: readonly ResolvedAddress[];
  readonly #port: number;
  readonly #options: RaceOptions;
  #done: RaceEnd | null;
  readonly #running = new Set<Socket>();
  /** Why each address has failed. Full once all have. */
  readonly #failures: Error[] = [];
  #started = 0;
  #stopWaiting: () => void = () => {};

  constructor(addresses: readonly ResolvedAddress[], port: number, options: RaceOptions, done: RaceEnd) {
    this.#addresses = addresses;
    this.#port = port;
    this.#options = options;
    this.#done = done;
    if (addresses.length > 0) this.#startNext();
    else process.nextTick(() => this.#end(noAddress(), null));
  }

  cancel(): void {
    this.#done = null;
    this.#stopWaiting();
    const running = [...this.#running];
    this.#running.clear();
    for (const socket of running) socket.destroy();
  }

  #startNext(): void {
    this.#stopWaiting();
    const index = this.#started++;
    const address = this.#addresses[index]?.address ?? '';
    const socket = this.#options.makeSocket();
    this.#running.add(socket);
    const onError = (error: Error): void => {
      // A socket that has lost may have its error under way already: somebody must listen.
      if (this.#running.delete(socket)) this.#onFailure(index, error);
    };
    socket.once('error', onError);
    socket.once('connect', () => {
      this.#running.delete(socket);
      socket.off('error', onError);
      this.#end(null, socket);
    });
    this.#connect(socket, address);
    if (!this.#isLastStarted) {
      this.#stopWaiting = this.#options.delay(ENGINE_LIMITS.attemptDelayMs, () => this.#startNext());
    }
  }

  get #isLastStarted(): boolean {
    return this.#started === this.#addresses.length;
  }

  /** Whatever is wrong is told through the socket, so that all failures come one way and none during a call. */
  #connect(socket: Socket, address: string): void {
    try {
      // Node would look a name up, and take an empty one for localhost.
      if (isIP(address) === 0) throw new Error(`not an IP address: '${address}'`);
      socket.connect({ host: address, port: this.#port, autoSelectFamily: false });
    } catch (error) {
      socket.destroy(error as Error);
    }
  }

  #onFailure(index: number, error: Error): void {
    this.#failures[index] = error;
    if (!this.#isLastStarted) this.#startNext();
    else if (this.#running.size === 0) this.#end(this.#reason(), null);
  }

  #end(error: Error | null, socket: Socket | null): void {
    const done = this.#done;
    this.cancel();
    done?.(error, socket);
  }

  #reason(): Error {
    const failures: readonly NodeJS.ErrnoException[] = this.#failures;
    const [first] = failures;
    if (first !== undefined && failures.length === 1) return first;
    const texts = failures.map(({ message }, index) => {
      const address = this.#addresses[index]?.address ?? '';
      return message.includes(address) ? message : `${address}: ${message}`;
    });
    const reason = new AggregateError(failures, texts.join('; '));
    const code = first?.code;
    if (code === undefined || failures.some((failure) => failure.code !== code)) return reason;
    return Object.assign(reason, { code });
  }
}

/** As the system's resolver says it of a name that has none. */
function noAddress(): Error {
  return Object.assign(new Error('the host has no address'), { code: 'ENOTFOUND' });
}
