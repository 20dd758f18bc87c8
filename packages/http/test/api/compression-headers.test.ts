import { Readable } from 'node:stream';
import type { HTTPRequest } from '@inseam/http';
import { expect } from 'chai';
import { accept, compressing, LONG, TEXT } from '../support/compressing.js';
import { get } from '../support/message.js';
import { decode, isWhole, parse, until } from '../support/response.js';

describe('api: compression, headers', () => {
  const varies: [given: string | string[], sent: string][] = [
    ['Cookie', 'Cookie, Accept-Encoding'],
    [['Cookie', 'Origin'], 'Cookie, Origin, Accept-Encoding'],
    ['Cookie, accept-encoding', 'Cookie, accept-encoding'],
    ['*', '*'],
    ['Accept-Encoding-Not', 'Accept-Encoding-Not, Accept-Encoding'],
  ];
  for (const [given, sent] of varies) {
    it(`Vary: ${given} becomes ${sent}`, async () => {
      const far = compressing((request) => request.sendResponse(TEXT, 200, { Vary: given }));
      expect(await far.exchange(accept('br'))).to.include(`\r\nVary: ${sent}\r\n`);
    });
  }

  const tags: [given: string, accepted: string, sent: string][] = [
    ['"a"', 'br', 'W/"a"'],
    ['W/"a"', 'br', 'W/"a"'],
    ['"a"', 'identity', '"a"'],
  ];
  for (const [given, accepted, sent] of tags) {
    it(`ETag: ${given} for ${accepted} becomes ${sent}`, async () => {
      const far = compressing((request) => request.sendResponse(TEXT, 200, { ETag: given }));
      expect(await far.exchange(accept(accepted))).to.include(`\r\nETag: ${sent}\r\n`);
    });
  }

  it('a length that a stream announced is dropped', async () => {
    const far = compressing((request) =>
      request.sendStream([TEXT], 200, { 'Content-Length': 2_200, 'Content-Type': 'text/css' }),
    );
    far.send(accept('br'));
    const answer = parse(await until(far, isWhole));
    expect([answer.headers.has('Content-Length'), decode(answer)]).to.deep.equal([false, TEXT]);
  });

  it('a length that is right is corrected, a wrong one refused', async () => {
    const far = compressing((request) =>
      request.sendResponse(TEXT, 200, { 'Content-Length': request.query }),
    );
    const right = parse(await far.exchange(get('/?2200', 'Accept-Encoding: br')));
    expect(right.headers.get('Content-Length')).to.equal(String(right.content.length));
    expect(await far.exchange(get('/?2201', 'Accept-Encoding: br'))).to.match(/^HTTP\/1\.1 500 /);
    expect(far.log.codes).to.deep.equal(['HTTP_HEADER_FRAMING']);
  });

  it('given as a list that can be read once are all sent', async () => {
    for (const accepted of ['br', 'identity']) {
      const far = compressing((request) =>
        request.sendResponse(TEXT, 200, new Map([['X-A', '1']]).entries()),
      );
      expect(await far.exchange(accept(accepted))).to.include('\r\nX-A: 1\r\n');
    }
  });

  for (const [what, send] of [
    ['a short content', (r: HTTPRequest) => r.sendResponse(TEXT, 200, { ETag: '"a"' })],
    ['a long content', (r: HTTPRequest) => r.sendResponse(LONG, 200, { ETag: '"a"' })],
    [
      'a stream',
      (r: HTTPRequest) =>
        r.sendStream(Readable.from([TEXT]), 200, { ETag: '"a"', 'Content-Type': 'text/css' }),
    ],
  ] as const) {
    it(`for HEAD are those of GET but for the length: ${what}`, async () => {
      const far = compressing(send);
      const head = await far.exchange(accept('br').replace('GET', 'HEAD'));
      far.send(accept('br'));
      const whole = await until(far, (text) => isWhole(text) || /Content-Length/.test(text));
      const bare = (answer: string) =>
        parse(answer).head.replace(/^(Content-Length|Transfer-Encoding): .*\r\n/gm, '');
      expect(bare(head)).to.equal(bare(whole)).and.include('ETag: W/"a"').and.include('Content-Encoding: br');
      expect(parse(head).headers.has('Content-Length')).to.equal(false);
      expect(head.endsWith('\r\n\r\n')).to.equal(true);
    });
  }

  it('for HEAD without a coding keep their length', async () => {
    const far = compressing((request) => request.sendResponse(TEXT));
    expect(await far.exchange(get().replace('GET', 'HEAD'))).to.match(
      /Content-Length: 2200\r\n[\s\S]*\r\n\r\n$/,
    );
  });
});
