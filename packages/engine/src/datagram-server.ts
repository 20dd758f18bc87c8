/**
 * DatagramServer: a UDP socket at a known address, which hears everybody (RFC 768). A packet is a message, unless
 * `readDelimiter` is set: then what each sender sends is a stream that SenderBuffers cuts.
 */
import { isIP } from 'node:net';
import type { Address } from './address.js';
import { NEED_MORE } from './byte-window.js';
import { type Sender, SenderBuffers } from './datagram/sender-buffers.js';
import { toHostAddress } from './datagram/target.js';
import { DATAGRAM_OPTIONS, Datagram, type DatagramAddress, type DatagramOptions } from './datagram.js';
import { OVERFLOW } from './delimiters/read-buffer.js';
import type { ReadDelimiter } from './delimiters/read-delimiter.js';
import { InseamError, protocolError, transportError, usageError } from './errors.js';
import { ENGINE_LIMITS } from './limits.js';
import { requireCount, requireMilliseconds, requireOptions } from './options.js';

export interface DatagramServerOptions extends DatagramOptions {
  /**
   * With a `readDelimiter`: senders whose unfinished pieces are kept; the longest silent one makes room. Default
   * 1024.
   */
  maxSenders?: number | undefined;
  /** How long such a piece waits for its sender's next packet. Default 60,000; Infinity for ever. */
  senderTimeoutMs?: number | undefined;
}

export interface DatagramListenOptions {
  /**
   * Lets several sockets listen on one port, as the members of a multicast group on one machine must. Default false.
   */
  reuseAddress?: boolean | undefined;
  /** Keeps IPv4 out where `::` or a port alone would let it in. Default false. */
  ipv6Only?: boolean | undefined;
}

export class DatagramServer extends Datagram {
  readonly #senders: SenderBuffers;
  readonly #senderTimeoutMs: number;
  #isCutPlanned = false;

  /** Throws UsageError for an option that does not exist or cannot be. */
  constructor(options: DatagramServerOptions = {}) {
    requireOptions(options, [...DATAGRAM_OPTIONS, 'maxSenders', 'senderTimeoutMs']);
    const { maxSenders = ENGINE_LIMITS.maxSenders, senderTimeoutMs, ...others } = options;
    super(others);
    this.#senders = new SenderBuffers(requireCount('maxSenders', maxSenders));
    this.#senderTimeoutMs = requireMilliseconds(
      'senderTimeoutMs',
      senderTimeoutMs ?? ENGINE_LIMITS.senderTimeoutMs,
    );
  }

  // Handlers, for subclasses -------------------------------------------------------------------------------

  /** The server listens. */
  onListen(): unknown {
    return undefined;
  }
  /**
   * A packet, or a piece of what its sender sends, yours to keep: a Buffer, unless `readDelimiter` gives something
   * else. Declare what yours gives: `onRead(line: Buffer, remote: DatagramAddress)`.
   */
  override onRead(_data: unknown, _remote: DatagramAddress): unknown {
    return undefined;
  }
  /**
   * A piece of a sender's is longer than `bufferSize`; everything unread of that sender is dropped. The default
   * reports it.
   */
  onOverflowError(error: InseamError, _remote: DatagramAddress): unknown {
    this.logger.warn(`${this.constructor.name} dropped a sender's input`, error);
    return undefined;
  }

  // State ---------------------------------------------------------------------------------------------------

  get listening(): boolean {
    return this.openSocket !== null;
  }

  /** The port, with what the system chose for port 0; null when the server does not listen. */
  get port(): number | null {
    return this.openSocket?.localAddress.port ?? null;
  }

  /**
   * Null, at first, for packets just as they come. Otherwise the packets of each sender are put together as they come
   * and cut as a Stream's input is, and each piece goes to `onRead`. UDP loses, repeats and reorders packets: this is
   * for senders that are known not to suffer from it. A delimiter of your own serves all senders and must not
   * remember any.
   *
   * Read anew for every cut, so that setting it inside `onRead` governs what is there already. Throws UsageError for
   * a value that could not cut.
   */
  get readDelimiter(): ReadDelimiter {
    return this.#senders.readDelimiter;
  }
  set readDelimiter(value: ReadDelimiter) {
    this.#senders.readDelimiter = value;
    this.#cutSoon();
  }

  /**
   * With a `readDelimiter`, the longest piece in bytes, 64 KiB at first. A number or a Struct raises it to its own
   * size.
   */
  get bufferSize(): number {
    return this.#senders.bufferSize;
  }
  set bufferSize(bytes: number) {
    this.#senders.bufferSize = bytes;
  }

  // Listening -----------------------------------------------------------------------------------------------

  /**
   * Binds to `address` and resolves to the server: a port alone is every address of both families, or of IPv4 where
   * there is no other; a name stands for its first address. Rejects with UsageError for a bad address or option and
   * once there is a socket, as there is after a `write`; with TransportError (`ENGINE_LISTEN_FAILED`, the system's
   * error as its cause) where the address is not to be had: then it may be called again, and what was written
   * meanwhile goes to `onWriteError`, once.
   */
  async listen(address: Address, options: DatagramListenOptions = {}): Promise<this> {
    const { host, port } = toHostAddress(address);
    requireOptions(options, ['reuseAddress', 'ipv6Only']);
    if (await this.bind(host, port, options)) this.notify('onListen', () => this.onListen());
    return this;
  }

  /**
   * Joins a multicast group on one of this machine's interfaces, named by its address for IPv4 and as `::%eth0` for
   * IPv6; the system chooses one by default. Throws UsageError for what is no group and before `onListen`, and
   * TransportError (`ENGINE_LISTEN_FAILED`, the system's error as its cause) where the system refuses, as it does the
   * second time.
   */
  join(group: string, networkInterface?: string): void {
    this.#changeMembership('join', group, networkInterface);
  }

  /** Leaves a group, as it was joined; closing leaves them all. Throws as `join` does. */
  leave(group: string, networkInterface?: string): void {
    this.#changeMembership('leave', group, networkInterface);
  }

  /** For the engine's sweep. */
  override checkTimeouts(now: number): void {
    super.checkTimeouts(now);
    if (this.#senders.size === 0) return;
    this.#senders.expire(now - this.#senderTimeoutMs);
    if (this.#senders.size === 0) this.watchTimeouts();
  }

  // Inside --------------------------------------------------------------------------------------------------

  protected override receive(data: Buffer, remote: DatagramAddress): void {
    const senders = this.#senders;
    if (senders.readDelimiter === null && senders.size === 0) {
      this.deliver(data, remote);
      return;
    }
    const hadNone = senders.size === 0;
    const sender = senders.take(remote, this.engine.clock.now());
    // What waited for a delimiter that is gone comes first, by itself.
    if (senders.readDelimiter === null) this.#cut(sender);
    if (senders.readDelimiter !== null) {
      senders.push(sender, data);
      this.#cut(sender);
    } else if (this.listening) {
      this.deliver(data, remote);
    }
    this.#settle(sender);
    if (hadNone && senders.size > 0) this.watchTimeouts();
  }

  protected override ended(): void {
    this.#senders.clear();
  }

  protected override get shortestTimeoutMs(): number {
    const senderTimeoutMs = this.#senders.size > 0 ? this.#senderTimeoutMs : Number.POSITIVE_INFINITY;
    return Math.min(super.shortestTimeoutMs, senderTimeoutMs);
  }

  #cut(sender: Sender): void {
    while (this.listening) {
      let piece: unknown;
      try {
        piece = this.#senders.cut(sender);
      } catch (thrown) {
        const error =
          thrown instanceof InseamError ? thrown : usageError('ENGINE_CUT', String(thrown), thrown);
        this.notify('onReadError', () => this.onReadError(error, sender.remote));
        return;
      }
      if (piece === NEED_MORE) return;
      if (piece === OVERFLOW) {
        const error = protocolError('ENGINE_BUFFER_OVERFLOW');
        this.notify('onOverflowError', () => this.onOverflowError(error, sender.remote));
        return;
      }
      this.deliver(piece, sender.remote);
    }
  }

  #settle(sender: Sender): void {
    if (this.listening) this.#senders.settle(sender);
  }

  /** Another delimiter may cut what is there, without a packet. */
  #cutSoon(): void {
    if (this.#isCutPlanned || this.#senders.size === 0) return;
    this.#isCutPlanned = true;
    this.engine.callback(() => {
      this.#isCutPlanned = false;
      for (const sender of this.#senders.takeAll()) {
        this.#cut(sender);
        this.#settle(sender);
      }
      this.watchTimeouts();
    });
  }

  #changeMembership(change: 'join' | 'leave', group: string, networkInterface: string | undefined): void {
    if (!isMulticast(group)) throw usageError('ENGINE_ADDRESS', `${group} is no multicast group`);
    const socket = this.openSocket;
    if (socket === null) throw usageError(this.closed ? 'ENGINE_STREAM_CLOSED' : 'ENGINE_NOT_CONNECTED');
    try {
      socket[change](group, networkInterface);
    } catch (error) {
      throw transportError('ENGINE_LISTEN_FAILED', error as Error);
    }
  }
}

/** RFC 1112 §4 and RFC 4291 §2.7. */
function isMulticast(group: string): boolean {
  const family = isIP(group);
  const firstByte = Number.parseInt(group, 10);
  return family === 4 ? firstByte >= 224 && firstByte <= 239 : family === 6 && /^ff/i.test(group);
}
