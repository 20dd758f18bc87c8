import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { NetStruct, Struct, TransportError } from '@inseam/engine';
import { fakeClock } from '@inseam/engine/testing';
import { expect } from 'chai';
import { describeTls } from '../support/certificates.js';
import { checkedEngines } from '../support/checked-engines.js';
import { settled } from '../support/test-engine.js';
import { addressOf, clientTls, listen, serverTls, TlsStream } from '../support/tls-streams.js';
import { WireTap } from '../support/wire-tap.js';

const MEGABYTE = 1 << 20;

/** Ends in a way of its own: the test says how. */
class Quiet extends TlsStream {
  override onEnd(): unknown {
    this.log.add('end');
    return undefined;
  }
}

describeTls('a stream in TLS', () => {
  const newEngine = checkedEngines();

  /** Both ends of a connection in TLS, on a clock that stands still: nothing here may need a timeout. */
  async function open(version: 'TLSv1.2' | 'TLSv1.3' = 'TLSv1.3') {
    const clock = fakeClock();
    const { engine } = newEngine({ clock });
    const server = await listen(serverTls({ maxVersion: version }), { engine, ConnectionClass: Quiet });
    const client = await new Quiet({ engine }).startTls(clientTls()).connect(addressOf(server)).opened();
    const accepted = await server.nth(1);
    await accepted.opened();
    return { engine, clock, client, accepted, ends: [client, accepted] as const };
  }

  /** Each check for both sides: what is written goes from `near` to `far`. */
  function forBothSides(
    title: string,
    check: (near: Quiet, far: Quiet, ends: Awaited<ReturnType<typeof open>>) => Promise<void>,
  ): void {
    for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
      it(`${title} (client, ${version})`, async () => {
        const ends = await open(version);
        await check(ends.client, ends.accepted, ends);
      });
      it(`${title} (server, ${version})`, async () => {
        const ends = await open(version);
        await check(ends.accepted, ends.client, ends);
      });
    }
  }

  describe('ends', () => {
    forBothSides('half: end() sends what was written, and the answer is read', async (near, far) => {
      near.write('question');
      near.end();
      await far.log.until('end');
      expect(far.heard).to.equal('question');
      expect([near.connected, far.connected]).to.deep.equal([true, true]);
      far.write('a long answer '.repeat(100_000));
      far.end();
      await Promise.all([near.log.until('end'), near.untilRead(1_400_000)]);
      near.close();
      far.close();
      await Promise.all([near.log.until('close'), far.log.until('close')]);
      expect(near.heard.length).to.equal(1_400_000);
      expect([near.story, far.story]).to.deep.equal([
        ['tls', 'connect', 'end', 'close'],
        ['tls', 'connect', 'end', 'close'],
      ]);
    });

    forBothSides('with megabytes to be sent: close() sends them first', async (near, far) => {
      near.write(Buffer.alloc(4 * MEGABYTE, 'x'));
      near.close();
      expect(near.pendingBytes).to.be.greaterThan(MEGABYTE);
      await far.log.until('end');
      expect(far.heard.length).to.equal(4 * MEGABYTE);
      far.close();
      await Promise.all([near.log.until('close'), far.log.until('close')]);
      expect([near.reason, far.reason]).to.deep.equal([null, null]);
    });

    forBothSides(
      'while the peer is sending: close() discards it and waits for its end',
      async (near, far) => {
        far.write(Buffer.alloc(4 * MEGABYTE));
        near.write('no more');
        near.close();
        await far.log.until('end');
        far.close();
        await Promise.all([near.log.until('close'), far.log.until('close')]);
        expect([near.heard, far.heard]).to.deep.equal(['', 'no more']);
        expect([near.reason, far.reason]).to.deep.equal([null, null]);
      },
    );

    forBothSides('at once: close(false) drops what is not sent', async (near, far) => {
      far.pause();
      near.write(Buffer.alloc(32 * MEGABYTE));
      near.close(false);
      await near.log.until('close');
      expect(near.story).to.deep.equal(['tls', 'connect', 'close']);
      expect(near.pendingBytes).to.equal(0);
      far.resume();
      await Promise.race([far.log.until('end'), far.log.until('close')]);
      expect(far.heard.length).to.be.lessThan(32 * MEGABYTE);
      far.close();
      await far.log.until('close');
    });

    forBothSides('with a reason: abort() resets the connection', async (near, far) => {
      const reason = new TransportError('OURS', 'we had enough', 'write');
      // A round trip first: a server that is still sending session tickets would find out by that.
      near.write('x');
      await far.untilRead(1);
      far.write('x');
      await near.untilRead(1);
      near.abort(reason);
      await Promise.all([near.log.until('close'), far.log.until('close')]);
      expect(near.reason).to.equal(reason);
      expect(far.reason).to.have.nested.property('cause.code', 'ECONNRESET');
      expect([near.story, far.story]).to.deep.equal([
        ['tls', 'connect', 'close OURS'],
        ['tls', 'connect', 'close ENGINE_CONNECTION_LOST'],
      ]);
    });

    forBothSides(
      'with a reason and megabytes to be sent: abort() does not wait for them',
      async (near, far) => {
        far.pause();
        near.write(Buffer.alloc(32 * MEGABYTE));
        for (let turn = 0; turn < 20; turn++) await settled();
        near.abort(new TransportError('OURS', 'we had enough', 'write'));
        await near.log.until('close');
        expect(near.story).to.deep.equal(['tls', 'connect', 'close OURS']);
        far.abort();
      },
    );

    for (const how of ['end', 'close'] as const) {
      forBothSides(
        `by the peer's reset after our ${how}(): that is told unless all was said`,
        async (near, far) => {
          // A round trip first, as above.
          near.write('x');
          await far.untilRead(1);
          far.write('x');
          await near.untilRead(1);
          near[how]();
          await far.log.until('end');
          far.abort(new TransportError('OURS', 'we had enough', 'write'));
          await near.log.until('close');
          expect(near.reason?.code).to.equal(how === 'end' ? 'ENGINE_CONNECTION_LOST' : undefined);
        },
      );
    }

    forBothSides("by the peer's reset while close() is sending: that is told", async (near, far) => {
      far.pause();
      near.write(Buffer.alloc(32 * MEGABYTE));
      near.close();
      for (let turn = 0; turn < 20; turn++) await settled();
      far.abort(new TransportError('OURS', 'we had enough', 'write'));
      await near.log.until('close');
      expect(near.reason?.code).to.equal('ENGINE_CONNECTION_LOST');
    });

    forBothSides('without one: the peer sees an end in good order', async (near, far) => {
      near.abort();
      await Promise.all([near.log.until('close'), far.log.until('end')]);
      far.close();
      await far.log.until('close');
      expect(far.story).to.deep.equal(['tls', 'connect', 'end', 'close']);
    });

    forBothSides('by engine.stop(): both ends, in good order', async (near, far, { engine }) => {
      near.write('last words');
      await engine.stop();
      expect([near.reason, far.reason]).to.deep.equal([null, null]);
      expect([near.story.at(-1), far.story.at(-1)]).to.deep.equal(['close', 'close']);
    });

    forBothSides('after writing a lot to a peer that has gone: once, with the reason', async (near, far) => {
      near.write(Buffer.alloc(8 * MEGABYTE));
      far.abort();
      await near.log.until('close');
      expect(near.story.filter((event) => event.startsWith('close'))).to.have.length(1);
      expect(near.reason?.code).to.equal('ENGINE_CONNECTION_LOST');
    });
  });

  describe('on a wire that somebody else holds', () => {
    async function openTapped() {
      const { engine } = newEngine({ clock: fakeClock() });
      const server = await listen(serverTls(), { engine, ConnectionClass: Quiet });
      const tap = await WireTap.open(server.port ?? 0);
      const client = new Quiet({ engine }).startTls(clientTls());
      await client.connect(['127.0.0.1', tap.port]).opened();
      const accepted = await server.nth(1);
      await accepted.opened();
      return { tap, client, accepted };
    }

    for (const [name, tamper, says] of [
      ['a changed byte', (chunk: Buffer) => chunk.fill(0, 20, 21), /bad record mac/],
      ['bytes in plain', () => Buffer.from('GET / HTTP/1.0\r\n\r\n'), /wrong version number|packet/],
    ] as const) {
      it(`${name}: the connection is lost, at both ends, and nothing of it is read`, async () => {
        const { tap, client, accepted } = await openTapped();
        client.write('good');
        await accepted.log.until('read good');
        tap.tamper = tamper;
        client.write('pay 100 to Alice'.repeat(10));
        await Promise.all([client.log.until('close'), accepted.log.until('close')]);
        expect(accepted.story).to.deep.equal(['tls', 'connect', 'close ENGINE_CONNECTION_LOST']);
        expect(accepted.reason?.message)
          .to.match(says)
          .and.not.to.match(/SSL routines|\n/);
        expect(accepted.heard).to.equal('good');
        // By the alert.
        expect(client.story).to.deep.equal(['tls', 'connect', 'close ENGINE_CONNECTION_LOST']);
        expect(client.reason?.message).to.match(/alert/);
      });
    }
  });

  describe('holds back', () => {
    forBothSides('a paused reader is felt by the writer, and nothing is lost', async (near, far) => {
      far.pause();
      const piece = Buffer.alloc(MEGABYTE, 'x');
      let sent = 0;
      for (; near.pendingBytes === 0; sent += piece.length) {
        expect(near.write(piece)).to.equal(false);
        for (let turn = 0; turn < 20; turn++) await settled();
        expect(sent).to.be.lessThan(64 * MEGABYTE);
      }
      expect(near.pendingBytes).to.be.at.least(near.highWaterMark);
      expect(far.heard.length).to.be.lessThan(sent);
      const before = far.bytesRead;
      for (let turn = 0; turn < 20; turn++) await settled();
      expect(far.bytesRead, 'nothing is read while paused').to.equal(before);
      far.resume();
      await near.drained();
      expect(near.pendingBytes).to.be.at.most(near.highWaterMark / 4);
      await far.untilRead(sent);
      expect(far.bytesRead).to.equal(sent);
      await near.log.until('write');
      expect(near.pendingBytes).to.equal(0);
    });

    it('a reader that is paused in onConnect reads nothing until it is resumed', async () => {
      const { engine } = newEngine({ clock: fakeClock() });
      class Paused extends Quiet {
        override onConnect() {
          this.pause();
          return super.onConnect();
        }
      }
      const server = await listen(serverTls(), { engine, ConnectionClass: Paused });
      const client = await new Quiet({ engine }).startTls(clientTls()).connect(addressOf(server)).opened();
      client.write('early');
      await client.log.until('write');
      for (let turn = 0; turn < 20; turn++) await settled();
      const accepted = await server.nth(1);
      expect(accepted.heard).to.equal('');
      accepted.resume();
      await accepted.log.until('read early');
    });

    it('a reader that is paused before it connects, too', async () => {
      const { engine } = newEngine({ clock: fakeClock() });
      class Greets extends Quiet {
        override onConnect() {
          this.write('welcome');
          return super.onConnect();
        }
      }
      const server = await listen(serverTls(), { engine, ConnectionClass: Greets });
      const client = new Quiet({ engine }).startTls(clientTls());
      client.connect(addressOf(server)).pause();
      await client.opened();
      await (await server.nth(1)).log.until('write');
      for (let turn = 0; turn < 20; turn++) await settled();
      expect(client.heard).to.equal('');
      client.resume();
      await client.log.until('read welcome');
    });
  });

  describe('carries', () => {
    const folder = mkdtempSync(join(tmpdir(), 'inseam-'));
    const file = join(folder, 'file');
    const contents = Buffer.alloc(3 * MEGABYTE, 'contents of a file ');
    before(() => writeFileSync(file, contents));
    after(() => rmSync(folder, { recursive: true }));

    forBothSides('files, in their place', async (near, far) => {
      near.write('before ');
      const sent = near.writeFile(file);
      near.write(' after');
      const read = await far.untilRead(7 + contents.length + 6);
      expect(read === `before ${contents} after`).to.equal(true);
      await sent;
    });

    forBothSides('text in every encoding, and packed values', async (near, far) => {
      const format = new NetStruct('!H$ I');
      near.write('ÿ€');
      near.write(new Uint8Array([0, 128, 255]));
      near.writePacked(format, Buffer.from('abc'), 7);
      const expected = '\xc3\xbf\xe2\x82\xac\0\x80\xff\0\x03abc\0\0\0\x07';
      expect(await far.untilRead(expected.length)).to.equal(expected);
    });

    it('pieces, by any delimiter', async () => {
      const { client, accepted } = await open();
      const pieces: unknown[] = [];
      accepted.onRead = (piece: unknown) => {
        pieces.push(Buffer.isBuffer(piece) ? piece.toString() : piece);
        if (pieces.length === 1) accepted.readDelimiter = 3;
        if (pieces.length === 2) accepted.readDelimiter = /\d+;/y;
        if (pieces.length === 3) accepted.readDelimiter = new Struct('!H');
        accepted.log.add(`pieces ${pieces.length}`);
      };
      accepted.readDelimiter = '\n';
      for (const byte of Buffer.from('line\nabc17;\x01\x00')) client.write(Buffer.from([byte]));
      await accepted.log.until('pieces 4');
      const [line, three, match, packed] = pieces;
      expect([line, three, packed]).to.deep.equal(['line', 'abc', [256]]);
      expect((match as RegExpExecArray)[0]).to.equal('17;');
    });

    it('loops over lines', async () => {
      const { client, accepted, clock } = await open();
      accepted.readDelimiter = '\n';
      client.write('one\ntwo\nthree\n');
      client.end();
      const lines: string[] = [];
      for await (const line of accepted) lines.push(line.toString());
      expect(lines).to.deep.equal(['one', 'two', 'three']);
      clock.advance(1);
      expect(accepted.story.at(-1)).to.equal('end');
    });
  });

  it('counts bytes as its user sees them', async () => {
    const { client, accepted, engine } = await open();
    client.write('x'.repeat(100_000));
    await accepted.untilRead(100_000);
    expect([client.bytesWritten, accepted.bytesRead]).to.deep.equal([100_000, 100_000]);
    expect(engine.stats()).to.include({ bytesRead: 100_000, bytesWritten: 100_000 });
  });

  it('has its timeouts, like any other', async () => {
    const { client, accepted, clock } = await open();
    client.idleTimeoutMs = 2_000;
    clock.advance(1_999);
    expect(client.closed).to.equal(false);
    clock.advance(1_000);
    await accepted.log.until('end');
    accepted.close();
    await Promise.all([client.log.until('close'), accepted.log.until('close')]);
    expect(client.reason?.code).to.equal('ENGINE_IDLE_TIMEOUT');
  });

  it('is reset by its write timeout when the peer takes nothing', async () => {
    const { client, accepted, clock } = await open();
    accepted.pause();
    client.writeTimeoutMs = 2_000;
    client.write(Buffer.alloc(32 * MEGABYTE));
    for (let turn = 0; turn < 50; turn++) await settled();
    expect(client.pendingBytes).to.be.greaterThan(0);
    clock.advance(1_000);
    expect(client.closed).to.equal(false);
    clock.advance(3_000);
    await client.log.until('close');
    expect(client.reason?.code).to.equal('ENGINE_WRITE_TIMEOUT');
    accepted.abort();
  });
});
