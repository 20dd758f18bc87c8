import { UsageError } from '@inseam/engine';
import {
  HTTP_LIMITS,
  HTTPError,
  HTTPServer,
  type HTTPServerOptions,
  MAX_REQUEST,
  type RequestHandler,
} from '@inseam/http';
import { expect } from 'chai';
import { get, post } from '../support/message.js';
import { readRefusal } from '../support/refusal.js';
import { wire } from '../support/wire.js';

const handler: RequestHandler = () => {};

describe('api: HTTPServer', () => {
  it('has defaults', () => {
    const { server } = wire(handler);
    expect([server.maxRequest, server.keepAlive]).to.deep.equal([MAX_REQUEST, true]);
    expect(server.limits).to.deep.equal(HTTP_LIMITS);
    expect(MAX_REQUEST).to.equal(10 * 1024 * 1024);
  });

  it('takes single limits and keeps the rest', () => {
    const { server } = wire(handler, { limits: { maxHeaders: 7 } });
    expect(server.limits).to.deep.equal({ ...HTTP_LIMITS, maxHeaders: 7 });
  });

  it('obeys its limits', async () => {
    const limits = { maxHeadBytes: 100, maxTargetBytes: 20, maxHeaders: 2 };
    for (const [bytes, refusal] of [
      [get('/', `X: ${'y'.repeat(100)}`), '431 HTTP_HEAD_TOO_LARGE'],
      [get(`/${'t'.repeat(20)}`), '414 HTTP_TARGET_TOO_LONG'],
      [get('/', 'A: b', 'C: d'), '431 HTTP_TOO_MANY_FIELDS'],
    ] as const) {
      const far = wire(handler, { limits });
      expect(readRefusal(far, await far.exchange(bytes))).to.equal(refusal);
    }
  });

  it('may take no content at all', async () => {
    const far = wire((request) => request.finish(), { maxRequest: 0 });
    expect(await far.exchange(get())).to.match(/200 OK/);
    expect(readRefusal(far, await far.exchange(post('x', 'Content-Length: 1')))).to.equal(
      '413 HTTP_BODY_TOO_LARGE',
    );
  });

  it('needs a handler', () => {
    for (const bad of [undefined, null, {}, 'handler']) {
      expect(() => new HTTPServer(bad as unknown as RequestHandler))
        .to.throw(UsageError)
        .with.property('code', 'HTTP_HANDLER');
    }
  });

  const bad: HTTPServerOptions[] = [
    { maxRequest: -1 },
    { maxRequest: 1.5 },
    { maxRequest: Number.NaN },
    { maxRequest: '5' as unknown as number },
    { limits: { maxHeaders: 0 } },
    { limits: { headTimeoutMs: -1 } },
    { limits: { maxHeadBytes: Number.NaN } },
    { limits: { maxHeadBytes: '1' as unknown as number } },
    { limits: { maxHeadBites: 1 } as object },
    { maxBody: 1 } as object,
    { keepAlive: 'no' as unknown as boolean },
  ];
  for (const options of bad) {
    it(`refuses ${JSON.stringify(options)}`, () => {
      expect(() => new HTTPServer(handler, options))
        .to.throw(UsageError)
        .with.property('code')
        .that.is.oneOf(['HTTP_OPTION', 'ENGINE_OPTION']);
    });
  }

  it('warns of a file root that is no directory, unless a proxy has the files', () => {
    const said = (options: HTTPServerOptions) =>
      wire(undefined, options).log.entries.map(({ message }) => message);
    const warning = 'fileRoot is no directory, so sendFile will find nothing: /nowhere/at/all';
    expect(said({ fileRoot: '/nowhere/at/all' })).to.deep.equal([warning]);
    expect(said({ fileRoot: '/nowhere/at/all', sendfile: true })).to.deep.equal([]);
    expect(said({ fileRoot: '/' })).to.deep.equal([]);
  });

  it('says in the log what a refused request was, and what of its form was wrong', async () => {
    const far = wire();
    const type = 'Content-Type: multipart/form-data; boundary=b';
    far.send(`POST /form HTTP/1.1\r\nHost: a\r\n${type}\r\nContent-Length: 3\r\n\r\nabc`);
    await far.settle();
    expect(far.log.entries.map(({ message }) => message)).to.deep.equal([
      'refused POST /form from 192.0.2.7 with 400 (Unexpected end of form)',
    ]);
  });

  it('says in the log who was refused, and why', async () => {
    const far = wire();
    await far.exchange(get('/', 'X : y'));
    expect(far.log.entries).to.have.length(1);
    expect(far.log.entries[0]).to.deep.include({
      level: 'warn',
      message: 'refused a request from 192.0.2.7 with 400',
    });
    expect(far.log.codes).to.deep.equal(['HTTP_FIELD_NAME_SPACE']);
  });
});

describe('api: HTTPError', () => {
  it('has a status from 400 to 599', () => {
    expect(new HTTPError(404)).to.include({ status: 404, message: '', name: 'HTTPError' });
    expect(new HTTPError(599, 'x', { cause: 'y' })).to.include({ message: 'x', cause: 'y' });
    for (const status of [399, 600, 404.5, Number.NaN, '404' as unknown as number]) {
      expect(() => new HTTPError(status))
        .to.throw(UsageError)
        .with.property('code', 'HTTP_STATUS');
    }
  });
});
