import { UsageError } from '@inseam/engine';
import { HTTPServer, type HTTPServerOptions, type SendFileOptions } from '@inseam/http';
import { expect } from 'chai';
import { fileWire, readAnswer } from '../support/file-wire.js';
import { get, message } from '../support/message.js';
import { wire } from '../support/wire.js';

/** What the header `name` says for `path`, or the status of another answer. */
async function told(path: string, options: HTTPServerOptions, name = 'X-Sendfile'): Promise<string | number> {
  const { ask } = fileWire(path, {}, options);
  const { status, headers } = readAnswer(await ask());
  return headers[name] ?? status;
}

describe('api: X-Sendfile', () => {
  it('tells the proxy what to send: the example of the documents', async () => {
    const options = { sendfile: true, fileRoot: '/srv/files', sendfilePrefix: '/_static/' };
    const { ask } = fileWire('/srv/files/example.jpg', {}, options);
    expect(await ask()).to.equal(message`
      HTTP/1.1 200 OK
      Content-Type: image/jpeg
      X-Sendfile: /_static/example.jpg
      Content-Length: 0
      Date: now

      `);
  });

  it('goes by the same headers as the file', async () => {
    const far = fileWire(
      'a.pdf',
      { filename: 'b.pdf', headers: { 'Cache-Control': 'no-store', ETag: '"x"' }, guessMime: false },
      { sendfile: 'X-Accel-Redirect', fileRoot: '/srv' },
    );
    expect(readAnswer(await far.ask()).headers).to.deep.equal({
      'Content-Type': 'application/octet-stream',
      'X-Accel-Redirect': '/a.pdf',
      'Content-Disposition': 'attachment; filename=b.pdf',
      'Cache-Control': 'no-store',
      ETag: '"x"',
      'Content-Length': '0',
      Date: 'now',
    });
  });

  it("takes the handler's type, and a header of its own for the path", async () => {
    const headers = { 'content-type': 'x/y', 'x-sendfile': 'mine' };
    const { ask } = fileWire('a', { headers }, { sendfile: true, fileRoot: '/srv' });
    const answer = readAnswer(await ask()).headers;
    expect(answer).to.include({ 'Content-Type': 'x/y', 'x-sendfile': 'mine' });
    expect(answer).not.to.have.property('X-Sendfile');
  });

  it('leaves conditions, ranges and HEAD to the proxy, and keeps the connection', async () => {
    const far = fileWire('a', {}, { sendfile: true, fileRoot: '/srv' });
    for (const request of [
      get('/', 'If-None-Match: *', 'Range: bytes=0-0'),
      get().replace('GET', 'HEAD'),
      get().replace('GET', 'POST'),
    ]) {
      expect(readAnswer(await far.ask(request))).to.deep.include({ status: 200, content: '' });
    }
  });

  it('keeps a status that was set', async () => {
    const { ask } = fileWire(
      (request) => {
        request.sendStatus(404);
        return request.sendFile('404.html');
      },
      {},
      { sendfile: true, fileRoot: '/srv' },
    );
    expect(readAnswer(await ask()).status).to.equal(404);
  });

  const names: {
    name: string;
    path: string;
    options: HTTPServerOptions;
    header?: string;
    expect: string | number;
  }[] = [
    {
      name: 'an absolute path',
      path: 'a/b',
      options: { sendfile: true, fileRoot: '/srv' },
      expect: '/srv/a/b',
    },
    {
      name: 'a header of another name',
      path: 'a',
      options: { sendfile: 'X-LIGHTTPD-send-file', fileRoot: '/srv' },
      header: 'X-LIGHTTPD-send-file',
      expect: '/srv/a',
    },
    {
      name: "nginx's URI without a prefix",
      path: '/srv/a',
      options: { sendfile: 'x-accel-redirect', fileRoot: '/srv' },
      header: 'x-accel-redirect',
      expect: '/a',
    },
    {
      name: 'a prefix without a slash',
      path: 'a',
      options: { sendfile: true, fileRoot: '/srv', sendfilePrefix: '/p' },
      expect: '/p/a',
    },
    {
      name: 'a prefix with several',
      path: 'a',
      options: { sendfile: true, fileRoot: '/srv', sendfilePrefix: '/p//' },
      expect: '/p/a',
    },
    {
      name: 'the prefix "/"',
      path: 'a',
      options: { sendfile: true, fileRoot: '/srv', sendfilePrefix: '/' },
      expect: '/a',
    },
    {
      name: 'an empty prefix',
      path: 'a',
      options: { sendfile: true, fileRoot: '/srv', sendfilePrefix: '' },
      expect: '/a',
    },
    {
      name: 'a root with a slash at its end',
      path: 'a',
      options: { sendfile: true, fileRoot: '/srv/', sendfilePrefix: '/p' },
      expect: '/p/a',
    },
    {
      name: 'the root "/"',
      path: '/a',
      options: { sendfile: true, fileRoot: '/', sendfilePrefix: '/p' },
      expect: '/p/a',
    },
    { name: 'dots', path: 'b/../a/./c', options: { sendfile: true, fileRoot: '/srv' }, expect: '/srv/a/c' },
    {
      name: 'what a URI reads otherwise',
      path: 'a b?c#d%41&e+f;g=h',
      options: { sendfile: true, fileRoot: '/' },
      expect: '/a%20b%3Fc%23d%2541%26e%2Bf%3Bg%3Dh',
    },
    {
      name: 'a line end',
      path: 'a\r\nX: y',
      options: { sendfile: true, fileRoot: '/' },
      expect: '/a%0D%0AX%3A%20y',
    },
    {
      name: 'other controls',
      path: '\t\x01\x7f',
      options: { sendfile: true, fileRoot: '/' },
      expect: '/%09%01%7F',
    },
    {
      name: 'UTF-8',
      path: 'ä/日本',
      options: { sendfile: true, fileRoot: '/' },
      expect: '/%C3%A4/%E6%97%A5%E6%9C%AC',
    },
    {
      name: 'half a character',
      path: '\ud800',
      options: { sendfile: true, fileRoot: '/' },
      expect: '/%EF%BF%BD',
    },
    {
      name: 'a root of such a name',
      path: 'a',
      options: { sendfile: true, fileRoot: '/ö x' },
      expect: '/%C3%B6%20x/a',
    },
    {
      name: 'no more than the path for a prefix',
      path: 'a',
      options: { sendfile: true, fileRoot: '/ö x', sendfilePrefix: '/p' },
      expect: '/p/a',
    },
    { name: 'a backslash', path: 'a\\b', options: { sendfile: true, fileRoot: '/' }, expect: '/a%5Cb' },
    { name: 'a path outside', path: '../x', options: { sendfile: true, fileRoot: '/srv' }, expect: 403 },
    {
      name: 'an absolute path outside',
      path: '/etc/passwd',
      options: { sendfile: true, fileRoot: '/srv', sendfilePrefix: '/p' },
      expect: 403,
    },
    { name: 'NUL', path: 'a\0', options: { sendfile: true, fileRoot: '/srv' }, expect: 404 },
    { name: 'a folder', path: 'a/', options: { sendfile: true, fileRoot: '/srv' }, expect: 404 },
    {
      name: 'the root',
      path: '/srv',
      options: { sendfile: true, fileRoot: '/srv', sendfilePrefix: '/p' },
      expect: 404,
    },
    {
      name: 'the root by dots',
      path: 'a/..',
      options: { sendfile: true, fileRoot: '/srv', sendfilePrefix: '/p' },
      expect: 404,
    },
    { name: 'dots without a root', path: '/srv/../a', options: { sendfile: true }, expect: 403 },
    {
      name: 'an absolute path without a root',
      path: '/srv/a',
      options: { sendfile: true },
      expect: '/srv/a',
    },
    {
      name: 'a relative path without a root',
      path: 'a',
      options: { sendfile: true },
      expect: `${process.cwd()}/a`,
    },
    {
      name: 'a relative path without a root, with a prefix',
      path: 'a',
      options: { sendfile: true, sendfilePrefix: '/p' },
      expect: '/p/a',
    },
  ];
  for (const { name, path, options, header, expect: expected } of names) {
    it(`${name}: ${expected}`, async () => expect(await told(path, options, header)).to.equal(expected));
  }

  it('onError gets what is outside', async () => {
    const options: SendFileOptions = { onError: ({ status }) => status };
    const { ask } = fileWire(
      (request) =>
        request.sendFile('../x', { onError: ({ status }) => request.sendResponse(`own ${status}`) }),
      options,
      { sendfile: true, fileRoot: '/srv' },
    );
    expect(readAnswer(await ask()).content).to.equal('own 403');
  });

  for (const options of [{ sendfile: true, sendfilePrefix: '/p' }, { sendfile: 'X-Accel-Redirect' }]) {
    it(`a path that has no name for the proxy is a mistake: ${JSON.stringify(options)}`, async () => {
      let thrown: unknown;
      const far = wire((request) => {
        try {
          request.sendFile('/elsewhere/a');
        } catch (error) {
          thrown = error;
        }
        request.sendResponse('other');
      }, options);
      expect(readAnswer(await far.exchange(get())).content).to.equal('other');
      expect(thrown).to.be.instanceOf(UsageError).and.include({ code: 'HTTP_SENDFILE' });
    });
  }

  const mistakes: HTTPServerOptions[] = [
    { sendfile: '' },
    { sendfile: 'X Sendfile' },
    { sendfile: 'X-Sendfile:' },
    { sendfile: 'X-Sendfile\r\n' },
    { sendfile: 1 as unknown as string },
    { sendfile: true, sendfilePrefix: '/a\r\nb' },
    { sendfile: true, sendfilePrefix: '/a b' },
    { sendfile: true, sendfilePrefix: '/ä' },
    { sendfile: true, sendfilePrefix: 1 as unknown as string },
  ];
  for (const options of mistakes) {
    it(`${JSON.stringify(options)} is refused`, () => {
      expect(() => new HTTPServer(() => {}, options))
        .to.throw(UsageError)
        .with.property('code', 'HTTP_OPTION');
    });
  }
});
