/** What no server should take: nginx refuses it, or the application does; in no case does it become another request. */
import { expect } from 'chai';
import { AppBehindNginx, stopApps } from '../support/app-behind-nginx.js';
import { RawClient } from '../support/raw-client.js';
import { describeWithNginx, FRONTS, RunningNginx } from '../support/running-nginx.js';

const HOST = 'Host: localhost\r\n';
const chunked = (content: string) => `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n${content}`;
const withFields = (fields: string) => `GET / HTTP/1.1\r\n${HOST}${fields}\r\n\r\n`;
const SMUGGLED = 'GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n';

/** `by` is who refuses: after nginx's own refusal it closes, after the application's it goes on with the next request. */
const CASES: { name: string; bytes: string; status: number; by: 'nginx' | 'the application' }[] = [
  {
    name: 'two lengths',
    bytes: `POST / HTTP/1.1\r\n${HOST}Content-Length: 0\r\nContent-Length: ${SMUGGLED.length}\r\n\r\n${SMUGGLED}`,
    status: 400,
    by: 'nginx',
  },
  {
    name: 'a length and chunks',
    bytes: `POST / HTTP/1.1\r\n${HOST}Content-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${SMUGGLED}`,
    status: 400,
    by: 'nginx',
  },
  {
    name: 'chunks that are not last',
    bytes: `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n${SMUGGLED}`,
    status: 501,
    by: 'nginx',
  },
  {
    name: 'a length with a sign',
    bytes: withFields(`Content-Length: +${SMUGGLED.length}`) + SMUGGLED,
    status: 400,
    by: 'nginx',
  },
  { name: 'a bad chunk size', bytes: chunked(`zz\r\n${SMUGGLED}`), status: 400, by: 'nginx' },
  {
    name: 'a chunk longer than it says',
    bytes: chunked(`1\r\nab\r\n0\r\n\r\n${SMUGGLED}`),
    status: 400,
    by: 'nginx',
  },
  { name: 'a folded field', bytes: withFields('X: a\r\n b') + SMUGGLED, status: 400, by: 'nginx' },
  { name: 'a space before the colon', bytes: withFields('X : a') + SMUGGLED, status: 400, by: 'nginx' },
  { name: 'two hosts', bytes: withFields('Host: other') + SMUGGLED, status: 400, by: 'nginx' },
  { name: 'no host', bytes: `GET / HTTP/1.1\r\n\r\n${SMUGGLED}`, status: 400, by: 'nginx' },
  {
    name: 'a path that leads out',
    bytes: `GET /../a HTTP/1.1\r\n${HOST}\r\n${SMUGGLED}`,
    status: 400,
    by: 'nginx',
  },
  { name: 'no HTTP at all', bytes: `hello\r\n\r\n${SMUGGLED}`, status: 400, by: 'nginx' },
  {
    name: 'a control character in a field',
    bytes: withFields('X: a\x01b'),
    status: 400,
    by: 'the application',
  },
  {
    name: 'a host that is none',
    bytes: `GET / HTTP/1.1\r\nHost: a@b\r\n\r\n`,
    status: 400,
    by: 'the application',
  },
  {
    name: 'a target in raw UTF-8',
    bytes: `GET /\xc3\xa4 HTTP/1.1\r\n${HOST}\r\n`,
    status: 400,
    by: 'the application',
  },
  { name: 'a fragment', bytes: `GET /a#b HTTP/1.1\r\n${HOST}\r\n`, status: 400, by: 'the application' },
  {
    name: 'too many fields',
    bytes: withFields(Array.from({ length: 101 }, (_, i) => `X-${i}: y`).join('\r\n')),
    status: 431,
    by: 'the application',
  },
];

describeWithNginx('through nginx', () => {
  let nginx: RunningNginx;
  before(async () => {
    nginx = await RunningNginx.start();
  });
  after(() => nginx?.[Symbol.asyncDispose]());
  afterEach(stopApps);

  for (const { over, port } of FRONTS) {
    for (const { name, bytes, status, by } of CASES) {
      it(`${name} is ${status} by ${by} over ${over}`, async () => {
        const app = await AppBehindNginx.listen(nginx, (request) => request.sendResponse('ok'));
        const client = await RawClient.connect(port);
        client.write(`${bytes}GET /last HTTP/1.1\r\n${HOST}Connection: close\r\n\r\n`);
        const statuses = (await client.readToEnd()).match(/HTTP\/1\.1 \d+(?= )/g);
        const isNginx = by === 'nginx';
        expect(statuses).to.deep.equal([`HTTP/1.1 ${status}`, ...(isNginx ? [] : ['HTTP/1.1 200'])]);
        expect(app.asked).to.deep.equal(isNginx ? [] : ['GET /last']);
        expect(app.logged).to.have.length(isNginx ? 0 : 1);
      });
    }

    it(`pipelined requests are answered in order over ${over}, and so is a bad one among them`, async () => {
      const app = await AppBehindNginx.listen(nginx, (request) => request.sendResponse(`<${request.path}>`));
      const client = await RawClient.connect(port);
      for (let i = 0; i < 20; i++) client.write(`GET /${i} HTTP/1.1\r\n${HOST}\r\n`);
      client.write(
        `GET /20 HTTP/1.1\r\n${HOST}X: \x01\r\n\r\nGET /21 HTTP/1.1\r\n${HOST}Connection: close\r\n\r\n`,
      );
      const answers = (await client.readToEnd()).match(/<[^<]*>$|<\/\d+>(?=HTTP)|400 Bad Request: [^\n]*/gm);
      const expected = Array.from({ length: 20 }, (_, i) => `</${i}>`);
      expect(answers).to.deep.equal([
        ...expected,
        '400 Bad Request: a field value contains a control character',
        '</21>',
      ]);
      expect(app.asked).to.have.length(21);
    });
  }
});
