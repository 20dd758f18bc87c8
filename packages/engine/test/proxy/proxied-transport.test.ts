import { ProtocolError, type StreamAddress, UsageError } from '@inseam/engine';
import { feedEveryWay, type MemoryTransport, memoryPair, RecordingSink } from '@inseam/engine/testing';
import { expect } from 'chai';
import { ProxiedTransport } from '#src/proxy/proxied-transport';
import { RecordingStream } from '../support/recording-stream.js';
import { settled, testEngines } from '../support/test-engine.js';

const HEADER = 'PROXY TCP4 192.0.2.1 203.0.113.7 54321 443\r\n';
const CLIENT: StreamAddress = { host: '192.0.2.1', port: 54_321, family: 4 };
const SERVICE: StreamAddress = { host: '203.0.113.7', port: 443, family: 4 };
const PROXY: StreamAddress = { host: '10.0.0.1', port: 9, family: 4 };
const REFUSED = 'close: no valid PROXY protocol header';

/** A sink that keeps what closed it, and does as it is told when the connection opens. */
class Sink extends RecordingSink {
  reason: Error | null = null;
  constructor(readonly whenOpen: () => void = () => {}) {
    super();
  }
  override onOpen(): void {
    super.onOpen();
    this.whenOpen();
  }
  override onClose(error: Error | null): void {
    this.reason = error;
    super.onClose(error);
  }
}

interface Connection {
  proxied: ProxiedTransport;
  near: MemoryTransport;
  /** The proxy's end, and what it sees. */
  far: MemoryTransport;
  atFar: RecordingSink;
}

function connection(): Connection {
  const [near, far] = memoryPair({ remoteAddress: PROXY });
  const atFar = new RecordingSink();
  far.open(atFar);
  return { proxied: new ProxiedTransport(near), near, far, atFar };
}

describe('ProxiedTransport', () => {
  describe('until the header is there', () => {
    it('tells nothing, and has no address', async () => {
      const { proxied, far } = connection();
      const sink = new Sink(() => expect(sink.bytes.length).to.equal(0));
      proxied.open(sink);
      far.write(HEADER.slice(0, -1));
      await settled();
      expect([sink.events, proxied.remoteAddress, proxied.localAddress]).to.deep.equal([[], null, null]);
      far.write(`${HEADER.slice(-1)}hello`);
      await settled();
      expect([sink.events, sink.text]).to.deep.equal([['open'], 'hello']);
      expect([proxied.remoteAddress, proxied.localAddress]).to.deep.equal([CLIENT, SERVICE]);
      proxied.abort();
      await sink.closed();
      expect([proxied.remoteAddress, proxied.localAddress]).to.deep.equal([CLIENT, SERVICE]);
    });

    it('waits, however the bytes are cut', async () => {
      for (const { way, chunks } of feedEveryWay(Buffer.from(`${HEADER}hello`))) {
        const { proxied, far } = connection();
        const sink = new Sink();
        proxied.open(sink);
        for (const chunk of chunks) far.write(chunk);
        far.end();
        await settled();
        expect([sink.events, sink.text], way).to.deep.equal([['open', 'end'], 'hello']);
        proxied.abort();
        await sink.closed();
      }
    });

    for (const line of ['PROXY UNKNOWN\r\n', '\r\n\r\n\0\r\nQUIT\n\x20\0\0\0']) {
      it(`has the connection's own addresses after ${JSON.stringify(line)}`, async () => {
        const { proxied, far } = connection();
        const sink = new Sink();
        proxied.open(sink);
        far.write(line);
        await settled();
        expect([sink.events, proxied.remoteAddress]).to.deep.equal([['open'], PROXY]);
        proxied.abort();
        await sink.closed();
      });
    }

    it('can be aborted, and tells no more than the close', async () => {
      const { proxied, near, far, atFar } = connection();
      const sink = new Sink();
      proxied.open(sink);
      far.write('PROXY ');
      await settled();
      proxied.abort();
      // What an inner transport has under way.
      proxied.onChunk(Buffer.from(HEADER.slice(6)));
      proxied.onEnd();
      await sink.closed();
      expect([sink.events, proxied.remoteAddress]).to.deep.equal([['close'], near.remoteAddress]);
      await atFar.closed();
    });

    it('tells what the inner transport closed with', async () => {
      const { proxied, far } = connection();
      const sink = new Sink();
      proxied.open(sink);
      far.write('PROXY ');
      far.abort();
      await sink.closed();
      expect(sink.events).to.deep.equal(['close: the other end was closed']);
      expect(proxied.remoteAddress).to.deep.equal(PROXY);
    });

    it('is neither paused nor resumed', async () => {
      const { proxied, far } = connection();
      const sink = new Sink();
      proxied.open(sink);
      far.write(HEADER.slice(0, 20));
      await settled();
      proxied.pause();
      proxied.resume();
      await settled();
      expect([sink.events, sink.text]).to.deep.equal([[], '']);
      far.write(`${HEADER.slice(20)}hello`);
      await settled();
      expect([sink.events, sink.text]).to.deep.equal([['open'], 'hello']);
      proxied.abort();
      await sink.closed();
    });
  });

  describe('a bad header', () => {
    const cases = [
      {
        name: 'none at all',
        write: 'GET / HTTP/1.1\r\n\r\n',
        ends: false,
        detail: 'neither version 1 nor version 2',
      },
      {
        name: 'a wrong one',
        write: 'PROXY TCP4 1.1.1.1 1.1.1.1 1 1\n',
        ends: false,
        detail: 'a line end that is not CRLF',
      },
      { name: 'half of one', write: HEADER.slice(0, 20), ends: true, detail: 'ended early' },
      { name: 'only the end', write: '', ends: true, detail: 'ended early' },
      { name: 'a wrong one and the end', write: 'x', ends: true, detail: 'neither version 1 nor version 2' },
    ];
    for (const { name, write, ends, detail } of cases) {
      it(`closes, once, with the reason: ${name}`, async () => {
        const { proxied, far, atFar } = connection();
        const sink = new Sink();
        proxied.open(sink);
        for (const one of write) far.write(one);
        if (ends) far.end();
        await Promise.all([sink.closed(), atFar.closed()]);
        await settled();
        expect(sink.events).to.deep.equal([`${REFUSED} (${detail})`]);
        expect(sink.length).to.equal(0);
        expect(sink.reason).to.be.instanceOf(ProtocolError).with.property('code', 'ENGINE_PROXY_HEADER');
        expect(proxied.remoteAddress, 'who it was').to.deep.equal(PROXY);
      });
    }
  });

  describe('bytes behind the header', () => {
    it('are kept while paused, and come first', async () => {
      const { proxied, far } = connection();
      const sink = new Sink();
      proxied.pause();
      proxied.open(sink);
      far.write(`${HEADER}one `);
      await settled();
      far.write('two ');
      far.end();
      await settled();
      expect([sink.events, sink.text]).to.deep.equal([['open'], '']);
      proxied.resume();
      expect(sink.text, 'not within resume').to.equal('');
      await settled();
      expect([sink.events, sink.text]).to.deep.equal([['open', 'end'], 'one two ']);
      proxied.abort();
      await sink.closed();
    });

    it('come before chunks and the end that an inner transport had under way', async () => {
      const { proxied, far } = connection();
      const sink = new Sink();
      proxied.pause();
      proxied.open(sink);
      far.write(`${HEADER}one `);
      await settled();
      proxied.onChunk(Buffer.from('two'));
      proxied.onEnd();
      expect([sink.events, sink.text]).to.deep.equal([['open'], '']);
      proxied.resume();
      await settled();
      expect([sink.events, sink.text]).to.deep.equal([['open', 'end'], 'one two']);
      proxied.abort();
      await sink.closed();
    });

    it('stay when reading is paused again at once', async () => {
      const { proxied, far } = connection();
      const sink = new Sink(() => proxied.pause());
      proxied.open(sink);
      far.write(`${HEADER}one `);
      await settled();
      proxied.resume();
      proxied.pause();
      far.write('two');
      await settled();
      expect(sink.text).to.equal('');
      proxied.resume();
      proxied.resume();
      await settled();
      expect(sink.text).to.equal('one two');
      proxied.abort();
      await sink.closed();
    });

    it('come once when reading is paused and resumed in onOpen', async () => {
      const { proxied, far } = connection();
      const sink = new Sink(() => {
        proxied.pause();
        proxied.resume();
      });
      proxied.open(sink);
      far.write(`${HEADER}one `);
      far.write('two');
      await settled();
      expect(sink.text).to.equal('one two');
      proxied.abort();
      await sink.closed();
    });

    it('leave reading paused when they pause it', async () => {
      const { proxied, far } = connection();
      const sink = new Sink();
      sink.onChunk = (chunk) => {
        RecordingSink.prototype.onChunk.call(sink, chunk);
        proxied.pause();
      };
      proxied.pause();
      proxied.open(sink);
      far.write(`${HEADER}one `);
      far.write('two ');
      far.write('three');
      for (const text of ['', 'one ', 'one two ', 'one two three']) {
        await settled();
        expect(sink.text).to.equal(text);
        proxied.resume();
      }
      proxied.abort();
      await sink.closed();
    });

    for (const when of ['in onOpen', 'while they are kept', 'right after resume'] as const) {
      it(`are dropped by an abort ${when}`, async () => {
        const { proxied, far } = connection();
        const sink = new Sink(() => {
          if (when === 'in onOpen') proxied.abort();
          else proxied.pause();
        });
        proxied.open(sink);
        far.write(`${HEADER}one`);
        await settled();
        if (when === 'right after resume') proxied.resume();
        if (when !== 'in onOpen') proxied.abort();
        proxied.resume();
        await settled();
        expect([sink.events, sink.text]).to.deep.equal([['open', 'close'], '']);
      });
    }

    it('are dropped when the connection closes before they are handed on', async () => {
      const { proxied, near, far } = connection();
      const sink = new Sink(() => proxied.pause());
      proxied.open(sink);
      far.write(`${HEADER}one`);
      await settled();
      proxied.resume();
      proxied.onClose(null);
      await settled();
      expect([sink.events, sink.text]).to.deep.equal([['open', 'close'], '']);
      near.abort();
    });

    it('are no chunk when there are none', async () => {
      const { proxied, far } = connection();
      const sink = new Sink();
      const lengths: number[] = [];
      sink.onChunk = (chunk) => lengths.push(chunk.length);
      proxied.open(sink);
      far.write(HEADER);
      far.write('one');
      await settled();
      expect(lengths).to.deep.equal([3]);
      proxied.abort();
      await sink.closed();
    });

    it('are not copied when they are wanted at once', () => {
      const [near] = memoryPair();
      const proxied = new ProxiedTransport(near);
      const sink = new Sink();
      const seen: ArrayBufferLike[] = [];
      sink.onChunk = (chunk) => seen.push(chunk.buffer);
      proxied.open(sink);
      const first = Buffer.from(`${HEADER}one`);
      const second = Buffer.from('two');
      proxied.onChunk(first);
      proxied.onChunk(second);
      expect(seen).to.deep.equal([first.buffer, second.buffer]);
      proxied.abort();
    });
  });

  it('forgets what was written before the header', async () => {
    const { proxied, far, atFar } = connection();
    const sink = new Sink();
    proxied.open(sink);
    proxied.write('early');
    await settled();
    expect([sink.events, atFar.text]).to.deep.equal([[], 'early']);
    far.write(HEADER);
    await settled();
    proxied.write('late');
    await settled();
    expect([sink.events, atFar.text]).to.deep.equal([['open', 'drain'], 'earlylate']);
    proxied.abort();
    await sink.closed();
  });

  it('refuses TLS where the inner transport has none', () => {
    const { proxied } = connection();
    expect(() => proxied.startTls(() => {}, Buffer.alloc(0)))
      .to.throw(UsageError)
      .with.property('code', 'ENGINE_TLS_TRANSPORT');
  });

  describe('beneath a stream', () => {
    const makeEngine = testEngines();

    it('is connecting until the header is there', async () => {
      const { engine } = makeEngine();
      const { proxied, far } = connection();
      const stream = new RecordingStream({ engine }).attach(proxied);
      await settled();
      expect([stream.connecting, stream.log.take()]).to.deep.equal([true, []]);
      far.write(`${HEADER}hello`);
      await settled();
      expect([stream.connected, stream.remoteAddress]).to.deep.equal([true, CLIENT]);
      expect(stream.log.take()).to.deep.equal(['connect', 'read hello']);
      stream.abort();
      await stream.log.until('close');
    });

    it('is never connected by a bad header', async () => {
      const { engine } = makeEngine();
      const { proxied, far } = connection();
      const stream = new RecordingStream({ engine }).attach(proxied);
      far.write('GET /');
      await stream.log.until('close');
      const [first, second] = stream.log.take();
      expect(first).to.match(/^connect error /);
      expect(second).to.match(/^close /);
      expect(stream.connected).to.equal(false);
    });
  });
});
