import { execFile, spawnSync } from 'node:child_process';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { serve } from '../support/serve.js';
import { echo } from '../support/wire.js';

const run = promisify(execFile);
const hasCurl = spawnSync('curl', ['--version']).status === 0;

/** Without curl: pending on somebody's own machine, a failure where everything is to be tested. */
function itWithCurl(title: string, check: () => Promise<void>): void {
  if (hasCurl || process.env.CI) it(title, check);
  else it(`${title} (pending: curl is not installed)`);
}

async function curl(...args: string[]): Promise<string> {
  return (await run('curl', ['-sS', '--max-time', '10', ...args])).stdout;
}

describe('system: curl', () => {
  itWithCurl('gets and posts', async () => {
    const { url } = await serve(echo);
    expect(await curl(`${url}/a?b`)).to.equal('GET /a?b');
    expect(await curl('-d', 'hello', url)).to.equal('POST / hello');
  });

  itWithCurl('sends chunks', async () => {
    const { url } = await serve(echo);
    expect(await curl('-H', 'Transfer-Encoding: chunked', '-d', 'hello', url)).to.equal('POST / hello');
  });

  itWithCurl('waits for 100 Continue', async () => {
    const { url } = await serve(echo);
    const answer = await curl(
      '-i',
      '-H',
      'Expect: 100-continue',
      '--expect100-timeout',
      '9',
      '-d',
      'hello',
      url,
    );
    expect(answer).to.match(/^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 OK\r\n[\s\S]*hello$/);
  });

  itWithCurl('speaks HTTP/1.0, and takes content that ends with the connection', async () => {
    const { url } = await serve((request) => {
      request.send('hello');
      request.finish();
    });
    expect(await curl('--http1.0', '-i', url)).to.match(
      /^HTTP\/1\.1 200 OK\r\n[\s\S]*Connection: close\r\n\r\nhello$/,
    );
  });

  itWithCurl('asks for the head only', async () => {
    const { url } = await serve(echo);
    expect(await curl('-I', url)).to.match(
      /^HTTP\/1\.1 200 OK\r\n[\s\S]*Content-Length: 6\r\n[\s\S]*\r\n\r\n$/,
    );
  });

  itWithCurl('asks twice over one connection', async () => {
    const { url } = await serve(echo);
    expect(await curl('-w', ' %{num_connects};', `${url}/1`, `${url}/2`)).to.equal('GET /1 1;GET /2 0;');
  });

  itWithCurl('sees that a chunked response was broken off', async () => {
    const { url } = await serve((request) => {
      request.send('hello');
      throw new Error('x');
    });
    const code = await curl(url).then(
      () => 0,
      (error: { code: number }) => error.code,
    );
    expect(code, 'CURLE_PARTIAL_FILE or CURLE_RECV_ERROR').to.be.oneOf([18, 56]);
  });

  itWithCurl('is refused more than maxRequest, and told so', async () => {
    const { url } = await serve(echo, { maxRequest: 10 });
    expect(await curl('-H', 'Expect:', '-w', '%{http_code}', '-d', 'x'.repeat(100_000), url)).to.match(
      /^413 Content Too Large: .*\n413$/,
    );
  });
});
