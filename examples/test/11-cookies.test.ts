import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { TestBrowser } from './support/browser.js';
import { itWith, runTool } from './support/debian-tool.js';
import { RunningExample } from './support/running-example.js';

describe('11-cookies', () => {
  let example: RunningExample;
  let scratch: string;
  before(async () => {
    scratch = mkdtempSync(join(tmpdir(), 'inseam-cookies-'));
    example = await RunningExample.start('11-cookies');
  });
  after(async () => {
    await example[Symbol.asyncDispose]();
    rmSync(scratch, { recursive: true, force: true });
  });

  /** curl as a browser: it keeps its cookies in a file, and follows redirections. */
  const visit = (jar: string, ...args: string[]) =>
    runTool('curl', ['-sS', '-L', '-b', join(scratch, jar), '-c', join(scratch, jar), ...args]);

  itWith('curl', 'logs in, counts visits and logs out', async () => {
    expect(await visit('a', example.url)).to.contain('Log in');
    expect(await visit('a', '-d', 'name=Ann', example.url)).to.contain('Hello, Ann. Visits: 1<');
    expect(await visit('a', example.url)).to.contain('Visits: 2<');
    expect(await visit('b', example.url)).to.contain('Log in');
    expect(await visit('a', `${example.url}/favicon.ico`)).to.contain('404');
    // A jar that gets empty is not written back, so this is the last look at it.
    expect(await visit('a', '-d', '', example.url)).to.contain('Log in');
  });

  itWith('curl', 'shows a hostile name as text', async () => {
    const page = await visit('c', '--data-urlencode', 'name=<img src=x onerror="alert(1)">&', example.url);
    expect(page).to.contain('Hello, &#60;img src=x onerror=&#34;alert(1)&#34;&#62;&#38;. Visits');
  });

  itWith('curl', 'takes a hundred characters of a name', async () => {
    const page = await visit('d', '-d', `name=${'x'.repeat(101)}`, example.url);
    expect(page).to.contain(`Hello, ${'x'.repeat(100)}. Visits`);
  });

  itWith('curl', 'sets a cookie that scripts and other sites do not get', async () => {
    const answer = await runTool('curl', ['-sS', '-i', '-d', 'name=Ann', example.url]);
    expect(answer).to.match(/^HTTP\/1\.1 303 /);
    const [, attributes] = /^Set-Cookie: session=[^;]+; (.*)\r$/m.exec(answer) ?? [];
    expect(attributes)
      .to.match(/Path=\//)
      .and.to.match(/HttpOnly/)
      .and.to.match(/SameSite=Lax/)
      .and.to.match(/Expires=/);
    expect(attributes).not.to.match(/Secure/);
  });

  it('does not believe a cookie that was changed, nor one of another secret', async () => {
    await using other = await RunningExample.start('11-cookies');
    const cookie = await logIn(example.url);
    const text = async (url: string, value: string) =>
      (await fetch(url, { headers: { Cookie: value } })).text();
    expect(await text(example.url, cookie)).to.contain('Hello, Ann');
    expect(await text(other.url, cookie)).to.contain('Log in');
    for (let i = 'session='.length; i < cookie.length; i++) {
      const changed = cookie.slice(0, i) + (cookie[i] === 'A' ? 'B' : 'A') + cookie.slice(i + 1);
      expect(await text(example.url, changed), changed).to.contain('Log in');
    }
  });

  it('goes on with cookies of an older secret, until that is taken away', async () => {
    const cookie = await using('old', (url) => logIn(url));
    const visits = (url: string) =>
      fetch(url, { headers: { Cookie: cookie } }).then((answer) => answer.text());
    expect(await using('new old', visits)).to.contain('Visits: 1<');
    expect(await using('new', visits)).to.contain('Log in');
  });

  it('refuses forms of other sites', async () => {
    const headers = { 'Sec-Fetch-Site': 'cross-site' };
    const answer = await fetch(example.url, {
      method: 'POST',
      headers,
      body: new URLSearchParams({ name: 'Eve' }),
    });
    expect([answer.status, answer.headers.get('set-cookie')]).to.deep.equal([403, null]);
  });

  describe('in a browser', function () {
    this.timeout(60_000);
    const browser = new TestBrowser();
    after(() => browser[Symbol.asyncDispose]());

    itWith('chromium', 'logs in, counts visits and logs out', async () => {
      await using tab = await browser.open(example.url);
      const { page } = tab;
      await page.getByLabel('Your name').fill('Bob & <b>Co</b>');
      await page.getByRole('button', { name: 'Log in' }).click();
      await page.getByText('Hello, Bob & <b>Co</b>. Visits: 1').waitFor();
      await page.reload();
      await page.getByText('Visits: 2').waitFor();
      expect(await page.evaluate(() => document.cookie)).to.equal('');
      await page.getByRole('button', { name: 'Log out' }).click();
      await page.getByLabel('Your name').waitFor();
      expect(await page.context().cookies()).to.deep.equal([]);
    });
  });
});

/** What `work` makes of an example with these secrets. */
async function using<T>(secrets: string, work: (url: string) => Promise<T>): Promise<T> {
  await using example = await RunningExample.start('11-cookies', { COOKIE_SECRETS: secrets });
  return await work(example.url);
}

async function logIn(url: string): Promise<string> {
  const body = new URLSearchParams({ name: 'Ann' });
  const answer = await fetch(url, { method: 'POST', body, redirect: 'manual' });
  return answer.headers.get('set-cookie')?.split(';')[0] ?? '';
}
