import type { HTTPRequest } from '@inseam/http';
import { expect } from 'chai';
import { get, post } from '../support/message.js';
import { formPost } from '../support/multipart.js';
import { wire } from '../support/wire.js';

const JSON_TYPE = 'Content-Type: application/json';

/** Sends content; answers with what `json()` gave, or the refusal. */
async function read(content: string | Uint8Array, ...lines: string[]) {
  let seen: unknown = null;
  const far = wire((request) => {
    seen = { value: request.json() };
    request.sendResponse('');
  });
  const answer = await far.exchange(
    formPost(Buffer.from(content as Uint8Array), ...(lines.length === 0 ? [JSON_TYPE] : lines)),
  );
  expect(far.ended, 'the connection is shut').to.equal(false);
  return seen ?? `${answer.slice(9, 12)} ${answer.slice(answer.indexOf('\r\n\r\n') + 4)}`;
}

const NO_JSON = '400 the content is not JSON\n';
const OTHER_TYPE = '415 Content-Type: application/json is expected\n';

describe('api: request.json()', () => {
  it('does not decode a coding, and says so', async () => {
    expect(await read('{}', JSON_TYPE, 'Content-Encoding: gzip')).to.equal(
      '415 Content-Encoding gzip is not decoded here\n',
    );
  });

  const cases: { name: string; content: string | Uint8Array; expect: unknown }[] = [
    { name: 'an object', content: '{"a":[1,"ü🦔",null]}', expect: { value: { a: [1, 'ü🦔', null] } } },
    { name: 'a bare value, with space around it', content: ' "x" \r\n', expect: { value: 'x' } },
    { name: 'null', content: 'null', expect: { value: null } },
    { name: 'a byte order mark', content: '\ufeff1', expect: { value: 1 } },
    { name: 'nothing', content: ' ', expect: NO_JSON },
    { name: 'half an object', content: '{"a":', expect: NO_JSON },
    { name: 'two values', content: '1 2', expect: NO_JSON },
    { name: 'bytes that are not UTF-8', content: Buffer.from('"\xff"', 'latin1'), expect: NO_JSON },
    { name: 'JSON in UTF-16', content: Buffer.from('1', 'utf16le'), expect: NO_JSON },
    { name: 'a million open brackets', content: '['.repeat(1_000_000), expect: NO_JSON },
  ];
  for (const { name, content, expect: expected } of cases) {
    it(name, async () => {
      expect(await read(content)).to.deep.equal(expected);
    });
  }

  it('names that objects have are the value’s own', async () => {
    const { value } = (await read('{"__proto__":{"a":1}}')) as { value: object };
    expect(Object.keys(value)).to.deep.equal(['__proto__']);
    expect(value).to.not.have.property('a');
  });

  const types: { lines: string[]; isJSON: boolean }[] = [
    { lines: ['Content-Type: Application/JSON'], isJSON: true },
    { lines: [`${JSON_TYPE}; charset=utf-8`], isJSON: true },
    { lines: [`${JSON_TYPE} ;x=y`], isJSON: true },
    { lines: ['Content-Type: application/problem+json'], isJSON: true },
    { lines: ['Content-Type: application/vnd.a.b+JSON; v=1'], isJSON: true },
    { lines: ['Content-Type: application/+json'], isJSON: false },
    { lines: ['Content-Type: application/jsonx'], isJSON: false },
    { lines: ['Content-Type: application/xjson'], isJSON: false },
    { lines: ['Content-Type: application/a; b=+json'], isJSON: false },
    { lines: ['Content-Type: text/json'], isJSON: false },
    { lines: ['Content-Type: text/plain; x=application/json'], isJSON: false },
    { lines: [JSON_TYPE, JSON_TYPE], isJSON: false },
    { lines: ['Content-Type:'], isJSON: false },
  ];
  for (const { lines, isJSON } of types) {
    it(`is ${isJSON ? '' : 'not '}for ${lines.join(' and ')}`, async () => {
      expect(await read('1', ...lines)).to.deep.equal(isJSON ? { value: 1 } : OTHER_TYPE);
    });
  }

  it('is not for content without a type, nor for none at all', async () => {
    const far = wire((request) => request.sendJSON(request.json()));
    expect(await far.exchange(post('1', 'Content-Length: 1'))).to.match(/^HTTP\/1\.1 415 /);
    expect(await far.exchange(get('/', JSON_TYPE))).to.match(/^HTTP\/1\.1 400 /);
  });

  it('what a handler does not catch is an answer, and no failure to report', async () => {
    for (const handler of [
      (request: HTTPRequest) => request.sendJSON(request.json()),
      async (request: HTTPRequest) => request.sendJSON(request.json()),
    ]) {
      const far = wire(handler);
      expect(await far.exchange(formPost(Buffer.from('{'), JSON_TYPE))).to.match(/^HTTP\/1\.1 400 /);
      expect(far.log.entries).to.deep.equal([]);
    }
  });

  it('has its cause for a handler that catches it', async () => {
    const causes: unknown[] = [];
    const far = wire((request) => {
      try {
        request.json();
      } catch (error) {
        causes.push((error as Error).cause);
      }
      request.finish();
    });
    await far.exchange(formPost(Buffer.from('{'), JSON_TYPE));
    expect(causes[0]).to.be.instanceOf(SyntaxError);
  });

  it('is our caller’s mistake in an early handler, and when the content was taken', async () => {
    const codes: unknown[] = [];
    const attempt = (request: HTTPRequest) => {
      try {
        request.json();
      } catch (error) {
        codes.push((error as NodeJS.ErrnoException).code);
      }
    };
    const far = wire(() => {}, {
      earlyHandler: async (request) => {
        attempt(request);
        for await (const piece of request) expect(piece.length).to.equal(2);
        attempt(request);
        request.finish();
      },
    });
    await far.exchange(formPost(Buffer.from('{}'), JSON_TYPE));
    expect(codes).to.deep.equal(['HTTP_CONTENT_AHEAD', 'HTTP_CONTENT_TAKEN']);
  });

  it('gives a value of its own each time', async () => {
    const far = wire((request) => {
      const [one, two] = [request.json(), request.json()];
      request.sendResponse(String(one === two));
    });
    expect(await far.exchange(formPost(Buffer.from('[]'), JSON_TYPE))).to.match(/false$/);
  });
});
