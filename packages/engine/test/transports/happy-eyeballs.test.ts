import { once } from 'node:events';
import { Socket, type SocketConstructorOpts, type TcpSocketConnectOpts } from 'node:net';
import { fakeClock } from '@inseam/engine/testing';
import { expect } from 'chai';
import fc from 'fast-check';
import { ENGINE_LIMITS } from '#src/limits';
import type { ResolvedAddress } from '#src/resolver';
import { type ConnectRace, interleave, raceToConnect } from '#src/transports/happy-eyeballs';
import { EventLog } from '../support/event-log.js';
import {
  hasIPv6,
  LISTENING,
  LISTENING_TOO,
  LoopbackHosts,
  REFUSING,
  SILENT,
  UNREACHABLE,
} from '../support/loopback-hosts.js';
import { settled } from '../support/test-engine.js';

const { attemptDelayMs } = ENGINE_LIMITS;

function resolved(address: string): ResolvedAddress {
  return { address, family: address.includes(':') ? 6 : 4 };
}

describe('interleave (RFC 8305 §4)', () => {
  const cases: { name: string; addresses: string; expect: string }[] = [
    { name: 'one address', addresses: '1.0.0.1', expect: '1.0.0.1' },
    { name: 'one family', addresses: '::2 ::1 ::3', expect: '::2 ::1 ::3' },
    { name: 'IPv6 first', addresses: '::1 ::2 1.0.0.1 1.0.0.2', expect: '::1 1.0.0.1 ::2 1.0.0.2' },
    { name: 'IPv4 first', addresses: '1.0.0.1 1.0.0.2 ::1 ::2', expect: '1.0.0.1 ::1 1.0.0.2 ::2' },
    {
      name: 'few of the first',
      addresses: '::1 1.0.0.1 1.0.0.2 1.0.0.3',
      expect: '::1 1.0.0.1 1.0.0.2 1.0.0.3',
    },
    { name: 'few of the other', addresses: '::1 ::2 ::3 1.0.0.1', expect: '::1 1.0.0.1 ::2 ::3' },
    { name: 'duplicates', addresses: '::1 ::1 1.0.0.1 ::2 1.0.0.1 ::1', expect: '::1 1.0.0.1 ::2' },
  ];
  for (const { name, addresses, expect: order } of cases) {
    it(name, () => {
      expect(interleave(addresses.split(' ').map(resolved))).to.deep.equal(order.split(' ').map(resolved));
    });
  }

  it('no address', () => {
    expect(interleave([])).to.deep.equal([]);
  });

  it('loses and adds nothing, keeps the order within a family, and takes turns while it can', () => {
    const address = fc.nat(20).map((n) => resolved(n % 2 === 0 ? `1.0.0.${n}` : `::${n}`));
    fc.assert(
      fc.property(fc.array(address), (addresses) => {
        const order = interleave(addresses);
        const unique = addresses.filter(
          (one, i) => addresses.findIndex((a) => a.address === one.address) === i,
        );
        const of = (family: 4 | 6, list: ResolvedAddress[]) => list.filter((one) => one.family === family);
        expect(of(4, order)).to.deep.equal(of(4, unique));
        expect(of(6, order)).to.deep.equal(of(6, unique));
        const turns = 2 * Math.min(of(4, unique).length, of(6, unique).length);
        for (const [i, { family }] of order.slice(0, turns).entries()) {
          expect(family === addresses[0]?.family).to.equal(i % 2 === 0);
        }
      }),
    );
  });
});

interface RaceExtras {
  port?: number;
  /** Called with each socket, before it connects. */
  onSocket?: (socket: Socket) => void;
  /** Called within `done`. */
  onWin?: (socket: Socket) => void;
}

/** Resolves when the race has seen this one fail. */
async function failureOf(socket: Socket | undefined): Promise<void> {
  if (socket?.closed === false) await new Promise((resolve) => socket.once('close', resolve));
}

/** A race on a fake clock, and what became of it. */
class RecordedRace {
  readonly clock = fakeClock();
  /** 'connected ADDRESS' or 'failed' for each call of `done`; 'read BYTES' for what came. */
  readonly log = new EventLog();
  /** One for each attempt so far. */
  readonly sockets: Socket[] = [];
  error: (Error & { code?: string; errors?: readonly Error[] }) | null = null;
  winner: Socket | null = null;
  readonly #race: ConnectRace;

  constructor(port: number, addresses: readonly string[], { onSocket, onWin }: RaceExtras) {
    const makeSocket = () => {
      const socket = this.#makeSocket();
      onSocket?.(socket);
      return socket;
    };
    const options = { makeSocket, delay: this.clock.after };
    this.#race = raceToConnect(addresses.map(resolved), port, options, (error, socket) => {
      this.error = error;
      this.winner = socket;
      this.log.add(socket === null ? 'failed' : `connected ${error ?? socket.remoteAddress}`);
      if (socket !== null) onWin?.(socket);
    });
    expect(this.log.events, 'told during the call').to.deep.equal([]);
  }

  cancel(): void {
    this.#race.cancel();
  }

  /** Which attempts are over, of those so far. */
  get destroyed(): boolean[] {
    return this.sockets.map((socket) => socket.destroyed);
  }

  #makeSocket(): Socket {
    const callback = (length: number, chunk: Buffer) => {
      this.log.add(`read ${chunk.toString('latin1', 0, length)}`);
      return true;
    };
    const onread = { buffer: Buffer.alloc(64), callback };
    const socket = new Socket({ allowHalfOpen: true, onread } as SocketConstructorOpts);
    this.sockets.push(socket);
    return socket;
  }
}

/** Has `socket` connect from `::1`, which no IPv4 address is reached from: an error whose text does not name that. */
function connectFromIPv6(socket: Socket): void {
  const connect: (options: TcpSocketConnectOpts) => Socket = socket.connect.bind(socket);
  const connectFrom = (options: TcpSocketConnectOpts) => connect({ ...options, localAddress: '::1' });
  socket.connect = connectFrom as Socket['connect'];
}

function listeners(socket: Socket): string[] {
  return socket.eventNames().map((name) => `${String(name)} ${socket.listenerCount(name)}`);
}

describe('raceToConnect (RFC 8305 §5)', () => {
  if (process.platform !== 'linux') return;
  const hosts = new LoopbackHosts();
  const listen = hosts.listen.bind(hosts);
  let races: RecordedRace[] = [];

  before(() => hosts.open());
  after(() => hosts.close());
  afterEach(async () => {
    for (const { clock, sockets, winner } of races) {
      winner?.destroy();
      expect(clock.pending, 'pending timers').to.equal(0);
      expect(
        sockets.filter((socket) => !socket.destroyed),
        'sockets left',
      ).to.deep.equal([]);
    }
    races = [];
    await hosts.closeServers();
  });

  function race(addresses: readonly string[], extras: RaceExtras = {}): RecordedRace {
    const made = new RecordedRace(extras.port ?? hosts.port, addresses, extras);
    races.push(made);
    return made;
  }

  describe('when an attempt joins in', () => {
    it('none, while the first connects', async () => {
      await listen(LISTENING);
      const made = race([LISTENING, SILENT]);
      await made.log.until('connected 127.0.0.1');
      expect(made.sockets.length).to.equal(1);
    });

    for (const [name, failing] of [
      ['is refused', REFUSING],
      ['fails within connect()', UNREACHABLE],
      ['is a name, which is not looked up', 'localhost'],
      ['is empty, which Node takes for localhost', ''],
    ] as const) {
      it(`the next one at once, when one ${name}`, async () => {
        await listen(LISTENING);
        const made = race([failing, failing, LISTENING, SILENT]);
        await made.log.until('connected 127.0.0.1');
        expect([made.sockets.length, made.clock.now()]).to.deep.equal([3, 0]);
        expect(made.destroyed).to.deep.equal([true, true, false]);
      });
    }

    it('the next one after attemptDelayMs, when one is silent, and so on', async () => {
      await listen(LISTENING);
      const made = race([SILENT, SILENT, LISTENING]);
      for (const started of [1, 2]) {
        made.clock.advance(attemptDelayMs - 1);
        await settled();
        expect([made.log.events, made.sockets.length]).to.deep.equal([[], started]);
        expect(made.destroyed, 'none is given up').not.to.include(true);
        made.clock.advance(1);
        expect(made.sockets.length).to.equal(started + 1);
      }
      await made.log.until('connected 127.0.0.1');
      expect(made.destroyed).to.deep.equal([true, true, false]);
    });

    it('attemptDelayMs counts from the last start, also from one that a failure brought on', async () => {
      const made = race([REFUSING, SILENT, SILENT, SILENT]);
      made.clock.advance(attemptDelayMs - 1);
      await failureOf(made.sockets[0]);
      expect(made.sockets.length).to.equal(2);
      made.clock.advance(attemptDelayMs - 1);
      expect(made.sockets.length).to.equal(2);
      made.clock.advance(1);
      expect(made.sockets.length).to.equal(3);
      made.cancel();
    });

    it('the next one at once, when one fails while another is silent', async () => {
      await listen(LISTENING);
      const made = race([SILENT, REFUSING, LISTENING, SILENT]);
      made.clock.advance(attemptDelayMs);
      await made.log.until('connected 127.0.0.1');
      expect([made.sockets.length, made.clock.now()]).to.deep.equal([3, attemptDelayMs]);
      expect(made.destroyed).to.deep.equal([true, true, false]);
    });

    (hasIPv6 ? it : it.skip)(
      `the other family${hasIPv6 ? '' : ': left out, this machine has no ::1'}`,
      async () => {
        await listen('::1');
        const made = race([SILENT, '::1']);
        made.clock.advance(attemptDelayMs);
        await made.log.until('connected ::1');
        expect(made.destroyed).to.deep.equal([true, false]);
      },
    );
  });

  describe('the winner', () => {
    it('is one only, when two connect in the same turn', async () => {
      await listen(LISTENING);
      await listen(LISTENING_TOO);
      const made = race([LISTENING, LISTENING_TOO]);
      made.clock.advance(attemptDelayMs);
      await made.log.until('connected');
      const loser = made.sockets.find((socket) => socket !== made.winner) as Socket;
      if (!loser.closed) await once(loser, 'close');
      await settled();
      expect(made.log.events).to.have.length(1);
      expect(made.destroyed.filter(Boolean)).to.have.length(1);
    });

    it('is handed over when the others are gone, connected, without a listener, and ready to be read', async () => {
      await listen(LISTENING, (socket) => socket.end('welcome'));
      const untouched = listeners(new Socket());
      let seen: unknown;
      const made = race([SILENT, LISTENING], {
        onWin: (socket) => {
          seen = [socket.readyState, listeners(socket), made.destroyed];
          socket.once('end', () => made.log.add('end'));
        },
      });
      made.clock.advance(attemptDelayMs);
      await made.log.until('end');
      expect(seen).to.deep.equal(['open', untouched, [true, false]]);
      expect(made.log.events).to.deep.equal(['connected 127.0.0.1', 'read welcome', 'end']);
    });

    it("has its errors go to whoever listens since then, and to nobody else's end", async () => {
      await listen(LISTENING);
      const made = race([LISTENING, SILENT], {
        onWin: (socket) => {
          socket.once('error', (error) => made.log.add(`error ${error.message}`));
          socket.destroy(new Error('lost'));
        },
      });
      await made.log.until('error lost');
      await settled();
      expect(made.log.events).to.deep.equal(['connected 127.0.0.1', 'error lost']);
      expect(made.sockets.length).to.equal(1);
    });
  });

  describe('the error', () => {
    it("of one address is the system's own", async () => {
      const made = race([REFUSING]);
      await made.log.until('failed');
      expect(made.error).not.to.be.instanceOf(AggregateError);
      expect(made.error).to.include({
        message: `connect ECONNREFUSED ${REFUSING}:${hosts.port}`,
        code: 'ECONNREFUSED',
        syscall: 'connect',
        address: REFUSING,
      });
    });

    it('of several says how each has failed, in their order, and the code that all share', async () => {
      const made = race([REFUSING, LISTENING]);
      await made.log.until('failed');
      const texts = [
        `connect ECONNREFUSED ${REFUSING}:${hosts.port}`,
        `connect ECONNREFUSED ${LISTENING}:${hosts.port}`,
      ];
      expect(made.error).to.be.instanceOf(AggregateError);
      expect(made.error).to.include({ message: texts.join('; '), code: 'ECONNREFUSED' });
      expect(made.error?.errors?.map(({ message }) => message)).to.deep.equal(texts);
    });

    it('of several is in their order, also when a later one fails first', async () => {
      // In one turn: connect() itself fails for the second before the first can be refused.
      const made = race([REFUSING, UNREACHABLE]);
      made.clock.advance(attemptDelayMs);
      await made.log.until('failed');
      expect(made.error?.message).to.match(
        /^connect ECONNREFUSED 127\.0\.0\.4:\d+; connect ENETUNREACH 127\.255\.255\.255:/,
      );
      expect(made.error, 'no code that all share').not.to.have.property('code');
    });

    it('of several names an address that its own text leaves out', async () => {
      const made = race([REFUSING, LISTENING], { onSocket: connectFromIPv6 });
      await made.log.until('failed');
      expect(made.error?.message).to.equal(`${REFUSING}: bind EINVAL ::1; ${LISTENING}: bind EINVAL ::1`);
      expect(made.error).to.have.property('code', 'EINVAL');
    });

    it('waits for the last one', async () => {
      const made = race([SILENT, REFUSING]);
      made.clock.advance(attemptDelayMs);
      await failureOf(made.sockets[1]);
      made.clock.advance(attemptDelayMs);
      await settled();
      expect([made.log.events, made.destroyed]).to.deep.equal([[], [false, true]]);
      made.sockets[0]?.destroy(new Error('connect ETIMEDOUT'));
      await made.log.until('failed');
      expect(made.error?.message).to.equal(
        `${SILENT}: connect ETIMEDOUT; connect ECONNREFUSED ${REFUSING}:${hosts.port}`,
      );
    });

    it('is told like any other when connect() throws', async () => {
      const made = race([LISTENING, LISTENING_TOO], { port: 65_536 });
      await made.log.until('failed');
      expect(made.error).to.have.property('code', 'ERR_SOCKET_BAD_PORT');
    });

    it('of no address is one, too', async () => {
      const made = race([]);
      await made.log.until('failed');
      expect(made.error).to.include({ message: 'the host has no address', code: 'ENOTFOUND' });
      await settled();
      expect(made.log.events).to.deep.equal(['failed']);
    });
  });

  describe('cancel() ends it without a word', () => {
    const states: {
      name: string;
      addresses: readonly string[];
      attempts: number;
      before?: (made: RecordedRace) => unknown;
    }[] = [
      { name: 'at once', addresses: [LISTENING, SILENT], attempts: 1 },
      { name: 'at once, without an address', addresses: [], attempts: 0 },
      { name: 'with one attempt silent', addresses: [SILENT, SILENT], attempts: 1, before: settled },
      {
        name: 'with several silent',
        addresses: [SILENT, SILENT, SILENT],
        attempts: 2,
        before: ({ clock }) => {
          clock.advance(attemptDelayMs);
          return settled();
        },
      },
      {
        name: 'after a failure',
        addresses: [REFUSING, SILENT, SILENT],
        attempts: 2,
        before: ({ sockets }) => failureOf(sockets[0]),
      },
      {
        name: 'with an error under way',
        addresses: [UNREACHABLE, SILENT],
        attempts: 1,
        // In the tick between the one in which connect() fails and the one in which the socket tells.
        before: (made) =>
          new Promise<void>((resolve) => {
            process.nextTick(() => {
              expect(made.sockets[0]?.errored).to.have.property('code', 'ENETUNREACH');
              made.cancel();
              resolve();
            });
          }),
      },
    ];
    for (const { name, addresses, attempts, before } of states) {
      it(name, async () => {
        await listen(LISTENING);
        const made = race(addresses);
        await before?.(made);
        made.cancel();
        expect(made.clock.pending).to.equal(0);
        expect(made.destroyed).to.deep.equal(Array(attempts).fill(true));
        made.cancel();
        for (const socket of made.sockets) if (!socket.closed) await once(socket, 'close');
        made.clock.advance(attemptDelayMs);
        await settled();
        expect([made.log.events, made.sockets.length]).to.deep.equal([[], attempts]);
      });
    }

    it('but leaves the winner alone', async () => {
      await listen(LISTENING, (socket) => socket.once('data', (data) => socket.end(data)));
      const made = race([LISTENING, SILENT], { onWin: () => made.cancel() });
      await made.log.until('connected');
      made.cancel();
      made.winner?.write('hello');
      await made.log.until('read hello');
      expect(made.log.events).to.deep.equal(['connected 127.0.0.1', 'read hello']);
    });
  });
});
