import { randomBytes } from 'node:crypto';
import { PassThrough, Readable } from 'node:stream';
import { promisify } from 'node:util';
import zlib from 'node:zlib';
import { UsageError } from '@inseam/engine';
import { expect } from 'chai';
import { accept, compressing, LONG, TEXT } from '../support/compressing.js';
import { get } from '../support/message.js';
import { decode, isWhole, parse, unchunk, until } from '../support/response.js';

const gzip = promisify(zlib.gzip);
describe('api: compression beside the loop', () => {
  describe('a long content', () => {
    it('is finished for its handler when sendResponse returns', async () => {
      const told: string[] = [];
      const far = compressing((request) => {
        request.onClose = () => told.push('onClose');
        request.sendResponse(LONG);
        told.push(`finished: ${request.finished}`);
        for (const again of [
          () => request.sendResponse('x'),
          () => request.send('x'),
          () => request.finish(),
          () => request.sendStream(['x']),
        ]) {
          expect(again).to.throw(UsageError);
        }
      });
      far.send(accept('gzip'));
      expect(decode(parse(await until(far, isWhole)))).to.equal(LONG);
      expect(told).to.deep.equal(['finished: true']);
      expect(far.log.entries).to.deep.equal([]);
    });

    it('is sent to its end though the handler fails behind it', async () => {
      const far = compressing((request) => {
        request.sendResponse(LONG);
        throw new Error('late');
      });
      far.send(accept('gzip'));
      expect(decode(parse(await until(far, isWhole)))).to.equal(LONG);
      expect([far.ended, far.log.entries.length]).to.deep.equal([false, 1]);
    });

    it('keeps its place among pipelined responses', async () => {
      const far = compressing((request) =>
        request.sendResponse(request.url === '/long' ? LONG : request.url),
      );
      far.send(get('/1') + get('/long', 'Accept-Encoding: gzip') + get('/2'));
      const text = await until(far, (soFar) => soFar.endsWith('/2'));
      expect(text).to.match(/\r\n\r\n\/1HTTP\/1\.1 200 OK[\s\S]*\r\n0\r\n\r\nHTTP\/1\.1 200 OK[\s\S]*\/2$/);
    });

    it('is refused out of order, as any', async () => {
      const far = compressing((request) => {
        request.send('x');
        expect(() => request.sendResponse(LONG))
          .to.throw(UsageError)
          .with.property('code', 'HTTP_ORDER');
        expect(() => request.sendResponse(TEXT))
          .to.throw(UsageError)
          .with.property('code', 'HTTP_ORDER');
        request.finish();
      });
      expect(await far.exchange(accept('gzip'))).to.match(/\r\n1\r\nx\r\n0\r\n\r\n$/);
    });

    it('waits for a client that does not read', async () => {
      const noise = randomBytes(1_500_000);
      const far = compressing((request) => request.sendResponse(noise, 200, 'text/plain'));
      far.client.pause();
      far.send(accept('gzip'));
      // As much work for zlib's threads, handed to them one by one: the response could have been finished meanwhile.
      for (let at = 0; at < 2 * noise.length; at += 65_536) {
        await gzip(noise.subarray(0, 65_536));
        await far.settle();
      }
      expect(far.connection.pendingBytes).to.be.above(65_536);
      expect(far.connection.pendingBytes).to.be.below(400_000);
      far.client.resume();
      const answer = parse(await until(far, isWhole));
      expect(zlib.gunzipSync(answer.content).equals(noise)).to.equal(true);
    });

    it('is dropped when the client is gone', async () => {
      const far = compressing((request) => request.sendResponse(LONG));
      far.send(accept('gzip'));
      await until(far, (text) => text.length > 0);
      far.client.abort();
      await far.settle();
      expect([far.connection.currentRequest, far.log.entries]).to.deep.equal([null, []]);
    });

    it('ends with the connection for an HTTP/1.0 client', async () => {
      const far = compressing((request) => request.sendResponse(LONG));
      far.send('GET / HTTP/1.0\r\nAccept-Encoding: gzip\r\n\r\n');
      const text = await until(far, () => far.ended);
      expect(decode(parse(text + (await far.take())))).to.equal(LONG);
    });
  });

  describe('a stream', () => {
    for (const coding of ['br', 'gzip'] as const) {
      it(`hands on each piece while its source is silent (${coding})`, async () => {
        const source = new PassThrough();
        const decoder = coding === 'br' ? zlib.createBrotliDecompress() : zlib.createGunzip();
        let text = '';
        decoder.on('data', (data) => {
          text += data;
        });
        const far = compressing((request) => request.sendStream(source, 200, 'text/plain'));
        let sent = '';
        source.write('first');
        far.send(accept(coding));
        for (const piece of ['first', ' second', ' third']) {
          if (sent !== '') source.write(piece);
          sent += piece;
          while (text !== sent) {
            const more = await far.take();
            const content = more.startsWith('HTTP') ? more.slice(more.indexOf('\r\n\r\n') + 4) : more;
            if (content !== '') decoder.write(Buffer.from(unchunk(content), 'latin1'));
            await new Promise((resolve) => setImmediate(resolve));
          }
        }
        source.end();
        await until(far, isWhole);
        decoder.destroy();
      });
    }

    it('that is fast is not flushed for each piece', async () => {
      const pieces = Array.from({ length: 300 }, (_, i) => `piece ${i}\n`);
      const far = compressing((request) => request.sendStream(pieces, 200, 'text/plain'));
      far.send(accept('gzip'));
      const { content } = parse(await until(far, isWhole));
      expect(zlib.gunzipSync(content).toString()).to.equal(pieces.join(''));
      const whole = zlib.gzipSync(pieces.join('')).length;
      expect(content.length).to.be.below(3 * whole);
    });

    it('that fails ends the connection', async () => {
      const source = (async function* () {
        yield TEXT;
        throw new Error('x');
      })();
      const far = compressing((request) => request.sendStream(source, 200, 'text/plain'));
      far.send(accept('gzip'));
      await until(far, () => far.ended);
      expect(far.log.entries).to.have.length(1);
      expect(far.connection.currentRequest).to.equal(null);
    });

    it('that fails first answers 500', async () => {
      const source = Readable.from([5]);
      const far = compressing((request) => request.sendStream(source as Readable, 200, 'text/plain'));
      expect(await far.exchange(accept('gzip')))
        .to.match(/^HTTP\/1\.1 500 /)
        .and.not.match(/Encoding/);
    });

    it('without pieces is empty', async () => {
      const far = compressing((request) => request.sendStream([], 200, 'text/plain'));
      expect(await far.exchange(accept('gzip'))).to.match(/Content-Length: 0\r\n[\s\S]*\r\n\r\n$/);
    });

    it('is given up when the client is gone', async () => {
      const source = new PassThrough();
      let isOver = false;
      const far = compressing(async (request) => {
        await request.sendStream(source, 200, 'text/plain');
        isOver = true;
      });
      source.write(TEXT);
      far.send(accept('gzip'));
      await until(far, (text) => /\r\n\r\n./.test(text));
      far.client.abort();
      await far.settle();
      expect([isOver, source.destroyed, far.log.entries]).to.deep.equal([true, true, []]);
      expect(far.engine.stats().timers).to.equal(0);
    });
  });
});
