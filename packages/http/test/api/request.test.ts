import type { HTTPRequest } from '@inseam/http';
import { expect } from 'chai';
import { get, message, post } from '../support/message.js';
import { wire } from '../support/wire.js';

async function requestOf(bytes: string): Promise<HTTPRequest> {
  const requests: HTTPRequest[] = [];
  await wire((request) => requests.push(request)).exchange(bytes);
  const [request] = requests;
  if (request === undefined) throw new Error('refused');
  return request;
}

const withHost = (host: string) => requestOf(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`);

describe('api: what a request says', () => {
  it('everything about an ordinary one', async () => {
    const request = await requestOf(message`
      POST /a/b?c=d&c=e%20f HTTP/1.1
      Host: WWW.Example.com:8080
      Content-Length: 5
      X-Sum: 1

      hello`);
    const {
      method,
      url,
      path,
      query,
      fragment,
      protocol,
      host,
      hostname,
      scheme,
      isSecure,
      remoteIp,
      fullUrl,
    } = request;
    expect({
      method,
      url,
      path,
      query,
      fragment,
      protocol,
      host,
      hostname,
      scheme,
      isSecure,
      remoteIp,
      fullUrl,
    }).to.deep.equal({
      method: 'POST',
      url: '/a/b?c=d&c=e%20f',
      path: '/a/b',
      query: 'c=d&c=e%20f',
      fragment: '',
      protocol: 'HTTP/1.1',
      host: 'WWW.Example.com:8080',
      hostname: 'www.example.com',
      scheme: 'http',
      isSecure: false,
      remoteIp: '192.0.2.7',
      fullUrl: 'http://WWW.Example.com:8080/a/b?c=d&c=e%20f',
    });
    expect(request.get.getAll('c')).to.deep.equal(['d', 'e f']);
    expect(request.get).to.equal(request.get);
    expect(request.headers.get('x-sum')).to.equal('1');
    expect(request.body.toString()).to.equal('hello');
    expect(request.trailers).to.equal(null);
    expect(request.connection.currentRequest).to.equal(request);
  });

  for (const [host, hostname] of [
    ['example.com', 'example.com'],
    ['Example.COM:80', 'example.com'],
    ['127.0.0.1:80', '127.0.0.1'],
    ['[::1]', '::1'],
    ['[2001:DB8::1]:8080', '2001:db8::1'],
  ] as const) {
    it(`hostname of "${host}" is "${hostname}"`, async () => {
      const request = await withHost(host);
      expect([request.host, request.hostname]).to.deep.equal([host, hostname]);
    });
  }

  it('an empty Host names none', async () => {
    const { host, hostname } = await withHost('');
    expect([host, hostname]).to.deep.equal(['127.0.0.1', '127.0.0.1']);
  });

  it('an HTTP/1.0 client may name no host', async () => {
    const { host, hostname, protocol, fullUrl } = await requestOf('GET /a HTTP/1.0\r\n\r\n');
    expect([host, hostname, protocol, fullUrl]).to.deep.equal([
      '127.0.0.1',
      '127.0.0.1',
      'HTTP/1.0',
      'http://127.0.0.1/a',
    ]);
  });

  for (const [target, path, query, fullUrl] of [
    ['http://a.example:81/b?c', '/b', 'c', 'http://a.example:81/b?c'],
    ['HTTP://a.example', '/', '', 'http://a.example/'],
    ['http://a.example?b=/c', '/', 'b=/c', 'http://a.example/?b=/c'],
    ['http://a.example/b?c=http://d', '/b', 'c=http://d', 'http://a.example/b?c=http://d'],
    ['//a/b', '//a/b', '', 'http://example.com//a/b'],
    ['/?', '/', '', 'http://example.com/?'],
    ['/a?b?c', '/a', 'b?c', 'http://example.com/a?b?c'],
  ] as const) {
    it(`the parts of ${target}`, async () => {
      const request = await requestOf(get(target));
      expect([request.url, request.path, request.query, request.fullUrl]).to.deep.equal([
        target,
        path,
        query,
        fullUrl,
      ]);
    });
  }

  it('the parts of OPTIONS *', async () => {
    const request = await requestOf('OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n');
    expect([request.path, request.query, request.fullUrl]).to.deep.equal(['*', '', 'http://a']);
  });

  it('a body is the handler’s to keep', async () => {
    const bodies: Buffer[] = [];
    const { exchange } = wire((request) => {
      bodies.push(request.body);
      request.finish();
    });
    await exchange(post('first', 'Content-Length: 5'));
    await exchange(post('other', 'Content-Length: 5'));
    expect(bodies.map(String)).to.deep.equal(['first', 'other']);
  });

  it('a body of many pieces is put together', async () => {
    const { send, take } = wire((request) => request.sendResponse(request.body));
    const content = Array.from({ length: 3_000 }, (_, i) => String.fromCharCode(33 + (i % 90))).join('');
    send(post('', 'Content-Length: 3000'));
    for (const byte of content) send(byte);
    expect((await take()).slice(-3_000)).to.equal(content);
  });

  it('time is measured from the complete request to the end of the response', async () => {
    const requests: HTTPRequest[] = [];
    const far = wire((request) => requests.push(request));
    far.send(post('', 'Content-Length: 1'));
    await far.pass(3_000);
    await far.exchange('x');
    await far.pass(250);
    expect(requests[0]?.time).to.equal(250);
    requests[0]?.sendResponse('');
    await far.pass(1_000);
    expect(requests[0]?.time).to.equal(250);
  });

  it('cookies come by name, the first one of a name', async () => {
    const { cookies } = await requestOf(get('/', 'Cookie: a=1; b=x%20y; a=2', 'Cookie: c="q"; __proto__=z'));
    expect({ ...cookies }).to.deep.include({ a: '1', b: 'x y', c: '"q"' });
    expect('toString' in cookies, 'no names but the client’s').to.equal(false);
  });

  it('there may be no cookies', async () => {
    const request = await requestOf(get());
    expect({ ...request.cookies }).to.deep.equal({});
  });
});
