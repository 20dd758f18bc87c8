import zlib from 'node:zlib';
import { UsageError } from '@inseam/engine';
import { type HeadersInit, HTTPError, HTTPServer } from '@inseam/http';
import { expect } from 'chai';
import { accept, compressing, LONG, TEXT } from '../support/compressing.js';
import { get } from '../support/message.js';
import { decode, isWhole, parse, until } from '../support/response.js';
import { wire } from '../support/wire.js';

const hasZstd = 'createZstdCompress' in zlib;

describe('api: compression', () => {
  it('is off unless it is asked for', async () => {
    const far = wire((request) => request.sendResponse(TEXT));
    expect(await far.exchange(accept('br')))
      .to.match(/^Content-Length: 2200\r$/m)
      .and.not.match(/Vary|Encoding/);
  });

  it('takes text from 1,024 bytes on', async () => {
    for (const [length, isCompressed] of [
      [1_023, false],
      [1_024, true],
    ] as const) {
      const far = compressing((request) => request.sendResponse('x'.repeat(length)));
      const { headers } = parse(await far.exchange(accept('gzip')));
      expect([headers.has('Content-Encoding'), headers.has('Vary')]).to.deep.equal([
        isCompressed,
        isCompressed,
      ]);
    }
  });

  it('counts bytes, and takes another threshold', async () => {
    const far = compressing((request) => request.sendResponse('ä'.repeat(Number(request.query))), {
      minBytes: 10,
    });
    const ask = async (letters: number) =>
      (await far.exchange(get(`/?${letters}`, 'Accept-Encoding: br'))).includes('Content-Encoding');
    expect([await ask(4), await ask(5)]).to.deep.equal([false, true]);
  });

  for (const coding of hasZstd ? ['br', 'zstd', 'gzip'] : ['br', 'gzip']) {
    for (const [what, content, type] of [
      ['text', TEXT, undefined],
      ['bytes', Buffer.from(TEXT), 'text/css'],
      ['long text', LONG, undefined],
      ['long bytes', Buffer.from(LONG), 'application/json'],
    ] as const) {
      it(`${coding}: ${what} is the same when it is decoded`, async () => {
        const far = compressing((request) => {
          request.cookiesOut.set('a', 'b');
          request.sendResponse(content, 203, type);
        });
        far.send(accept(coding));
        const answer = parse(
          await until(far, (text) => isWhole(text) || (text !== '' && content.length < 65_536)),
        );
        expect(answer.headers.get('Content-Encoding')).to.equal(coding);
        expect(decode(answer)).to.equal(content.toString());
        expect(answer.status).to.match(/ 203 /);
        expect(answer.headers.get('Set-Cookie')).to.equal('a=b');
        expect(answer.headers.get('Vary')).to.equal('Accept-Encoding');
        expect(answer.headers.get('Content-Type')).to.equal(type ?? 'text/plain; charset=utf-8');
        const length = content.length < 65_536 ? String(answer.content.length) : undefined;
        expect(answer.headers.get('Content-Length')).to.equal(length);
        expect(far.connection.currentRequest).to.equal(null);
      });

      it(`${coding}: ${what} as a stream`, async () => {
        const pieces: (string | Buffer)[] = [];
        for (let at = 0; at < content.length; at += 90_001)
          pieces.push(content.slice(at, at + 90_001) as string);
        const far = compressing((request) => request.sendStream(pieces, 200, 'text/css'));
        far.send(accept(coding));
        const answer = parse(await until(far, isWhole));
        expect(answer.headers.get('Content-Encoding')).to.equal(coding);
        const whole = Buffer.concat(pieces.map((piece) => Buffer.from(piece))).toString();
        expect(decode(answer)).to.equal(whole);
        expect(far.connection.currentRequest).to.equal(null);
      });
    }
  }

  it('JSON is compressed', async () => {
    const far = compressing((request) => request.sendJSON({ TEXT }));
    expect(decode(parse(await far.exchange(accept('br'))))).to.equal(JSON.stringify({ TEXT }));
  });

  it('and the content of an HTTPError', async () => {
    const far = compressing(() => {
      throw new HTTPError(422, TEXT);
    });
    const answer = parse(await far.exchange(accept('br')));
    expect([answer.status, decode(answer)]).to.deep.equal(['HTTP/1.1 422 Unprocessable Content', TEXT]);
  });

  describe('the coding', () => {
    const best = 'br';
    const cases: [accepted: string, coding: string | undefined][] = [
      ['gzip, deflate, br, zstd', best],
      ['gzip', 'gzip'],
      ['GZIP', 'gzip'],
      ['deflate', undefined],
      ['', undefined],
      ['*', best],
      ['br;q=0, *', hasZstd ? 'zstd' : 'gzip'],
      ['*;q=0, gzip;q=0.1', 'gzip'],
      ['gzip;q=0', undefined],
      ['gzip;q=1, br;q=0.9', 'gzip'],
      ['gzip;q=0.5, br;q=0.5', best],
      ['identity', undefined],
      ['identity;q=0.5, gzip;q=0.1', undefined],
      ['identity;q=0.1, gzip;q=0.5', 'gzip'],
      ['identity;q=0', undefined],
      ['identity;q=0, *', best],
      ['identity;q=0, gzip', 'gzip'],
      ['*;q=0', undefined],
      ['gzip;q=x', undefined],
      [',;, =', undefined],
    ];
    for (const [accepted, coding] of cases) {
      it(`for "${accepted}" is ${coding}`, async () => {
        const far = compressing((request) => request.sendResponse(TEXT));
        const answer = parse(await far.exchange(accept(accepted)));
        expect(answer.headers.get('Content-Encoding')).to.equal(coding);
        expect(answer.headers.get('Vary'), 'caches have to know').to.equal('Accept-Encoding');
        expect(decode(answer)).to.equal(TEXT);
      });
    }

    it('without Accept-Encoding is none', async () => {
      const far = compressing((request) => request.sendResponse(TEXT));
      expect(await far.exchange(get()))
        .to.match(/\r\nVary: Accept-Encoding\r\n/)
        .and.not.match(/Content-Encoding/);
    });

    it('is found in fields that are repeated', async () => {
      const far = compressing((request) => request.sendResponse(TEXT));
      const twice = get('/', 'Accept-Encoding: deflate', 'Accept-Encoding: gzip');
      expect(await far.exchange(twice)).to.match(/Content-Encoding: gzip/);
    });
  });

  describe('leaves alone', () => {
    const cases: [name: string, status: number, headers: HeadersInit][] = [
      ['a type that is compressed already', 200, { 'Content-Type': 'image/png' }],
      ['an unknown type', 200, { 'Content-Type': 'x/y' }],
      ['events', 200, { 'Content-Type': 'text/event-stream; charset=utf-8' }],
      ['a coding of its own', 200, { 'Content-Encoding': 'gzip', 'Content-Type': 'text/css' }],
      ['a part', 206, { 'Content-Type': 'text/css' }],
      ['Content-Range', 200, { 'Content-Type': 'text/css', 'Content-Range': 'bytes 0-9/10' }],
      ['no-transform', 200, { 'Content-Type': 'text/css', 'Cache-Control': 'public, No-Transform' }],
      ['Content-Digest', 200, { 'Content-Type': 'text/css', 'Content-Digest': 'sha-256=:x:' }],
      ['Repr-Digest', 200, { 'Content-Type': 'text/css', 'Repr-Digest': 'sha-256=:x:' }],
      ['Digest', 200, { 'Content-Type': 'text/css', Digest: 'sha-256=x' }],
      ['Content-MD5', 200, { 'Content-Type': 'text/css', 'Content-MD5': 'x' }],
    ];
    for (const [name, status, headers] of cases) {
      it(name, async () => {
        const content = Buffer.from(TEXT);
        const whole = compressing((request) => request.sendResponse(content, status, headers));
        const streamed = compressing((request) => request.sendStream([content], status, headers));
        const answers = [
          parse(await whole.exchange(accept('br'))),
          parse(await streamed.exchange(accept('br'))),
        ];
        for (const answer of answers) {
          expect(answer.headers.has('Vary')).to.equal(false);
          expect(answer.content.toString()).to.equal(TEXT);
        }
        expect(answers[0]?.headers.get('Content-Length')).to.equal('2200');
      });
    }

    for (const status of [204, 304]) {
      it(`${status}, which has no content`, async () => {
        const far = compressing((request) =>
          request.sendResponse(TEXT, status, { 'Content-Type': 'text/css' }),
        );
        expect(await far.exchange(accept('br'))).to.match(/Content-Type: text\/css\r\nDate: now\r\n\r\n$/);
      });

      it(`${status} of a stream, too`, async () => {
        const far = compressing((request) => request.sendStream([TEXT], status, 'text/css'));
        expect(await far.exchange(accept('br'))).to.match(/Content-Type: text\/css\r\nDate: now\r\n\r\n$/);
      });
    }

    it('a part whose status was set before', async () => {
      const far = compressing((request) => {
        request.sendStatus(206);
        request.sendResponse(TEXT);
      });
      expect(await far.exchange(accept('br'))).not.to.match(/Vary|Encoding/);
    });

    it('no-cache, which is not no-transform, is compressed', async () => {
      const headers = { 'Content-Type': 'text/css', 'Cache-Control': 'no-cache' };
      const far = compressing((request) => request.sendResponse(TEXT, 200, headers));
      expect(await far.exchange(accept('br'))).to.match(/Content-Encoding: br/);
    });
  });
  describe('is refused as an option', () => {
    for (const [name, compress] of [
      ['a negative threshold', { minBytes: -1 }],
      ['a broken threshold', { minBytes: 1.5 }],
      ['a textual threshold', { minBytes: '5' }],
      ['an unknown name', { level: 6 }],
      ['text', 'br'],
      ['null', null],
    ] as unknown as [string, true][]) {
      it(name, () => {
        expect(() => new HTTPServer(() => {}, { compress })).to.throw(UsageError);
      });
    }
  });

  it('takes any threshold, 0 and undefined included', async () => {
    for (const minBytes of [0, undefined]) {
      const far = compressing((request) => request.sendResponse('x'), { minBytes });
      expect((await far.exchange(accept('gzip'))).includes('gzip')).to.equal(minBytes === 0);
    }
  });

  it('refuses content that is none', async () => {
    const far = compressing((request) => request.sendResponse(5 as unknown as string));
    expect(await far.exchange(get())).to.match(/^HTTP\/1\.1 500 /);
    expect(far.log.codes).to.deep.equal(['HTTP_CONTENT']);
  });
});
