import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { TestBrowser } from './support/browser.js';
import { itWith, runTool } from './support/debian-tool.js';
import { Gallery } from './support/gallery.js';
import { file, gif, naturalSize, png } from './support/pictures.js';

const MIB = 2 ** 20;

describe('10-gallery, when things go wrong', function () {
  // A browser takes its time on a machine that has much to do.
  this.timeout(60_000);
  const browser = new TestBrowser();
  let gallery: Gallery;
  beforeEach(async () => {
    gallery = await Gallery.start();
  });
  afterEach(() => gallery[Symbol.asyncDispose]());
  after(() => browser[Symbol.asyncDispose]());

  itWith('chromium', 'says when a picture is too large, and goes on with the next', async () => {
    await using tab = await browser.open(gallery.url);
    const { page } = tab;
    const large = join(gallery.root, 'large.png');
    const small = join(gallery.root, 'small.png');
    writeFileSync(large, png(8, 8, [0, 0, 0], 64 * MIB));
    writeFileSync(small, png(8, 8));
    await page.getByLabel('Choose pictures').setInputFiles([large, small]);
    await page.locator('#pictures').getByText('small.png').waitFor();
    const row = page.locator('#uploads li');
    expect(await row.locator('.state').textContent()).to.contain('larger than this server takes');
    expect(await row.getByRole('progressbar').isVisible()).to.equal(false);
    await row.getByRole('button', { name: 'Dismiss' }).click();
    expect(await row.count()).to.equal(0);
    expect(await page.evaluate(() => document.activeElement?.tagName)).to.equal('INPUT');
    expect(gallery.pictures).to.have.lengthOf(1);
  });

  itWith('chromium', 'says when a file is no picture, whatever it is called', async () => {
    await using tab = await browser.open(gallery.url);
    const { page } = tab;
    const files = [
      file('page.png', Buffer.from('<script>alert(1)</script>')),
      file(
        'drawing.svg',
        Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'),
      ),
      file('empty.png', Buffer.alloc(0)),
      file('riff.webp', Buffer.from('RIFF....WAVEfmt ')),
    ];
    await page.getByLabel('Choose pictures').setInputFiles(files);
    await page.locator('#uploads .failed').nth(3).waitFor();
    for (const text of await page.locator('.state').allTextContents()) {
      expect(text).to.equal('This is no PNG, JPEG, GIF or WebP picture.');
    }
    expect(gallery.pictures).to.deep.equal([]);
  });

  itWith('chromium', 'says that a picture has been sent and is not kept yet', async () => {
    await using tab = await browser.open(gallery.url);
    const { page } = tab;
    gallery.signal('SIGSTOP');
    await page.getByLabel('Choose pictures').setInputFiles(file('small.png', png(8, 8)));
    await page.getByText('Saving', { exact: true }).waitFor();
    expect(await page.locator('#pictures li').count()).to.equal(0);
    gallery.signal('SIGCONT');
    await page.locator('#pictures').getByText('small.png').waitFor();
  });

  itWith('chromium', 'says when the list cannot be had', async () => {
    rmSync(join(gallery.root, 'pictures'), { recursive: true });
    await using tab = await browser.open(gallery.url);
    await tab.page.getByRole('status').getByText('The pictures cannot be loaded.').waitFor();
  });

  itWith('chromium', 'says when the connection is lost, and tries again when it is told to', async () => {
    await using tab = await browser.open(gallery.url);
    const { page } = tab;
    const path = join(gallery.root, 'large.png');
    writeFileSync(path, png(30, 20, [0, 0, 0], 24 * MIB));
    gallery.signal('SIGSTOP');
    await page.getByLabel('Choose pictures').setInputFiles(path);
    await page.waitForFunction(() => (document.querySelector('progress')?.value ?? 0) > 0);
    await gallery.kill();
    await page.getByText('The connection was lost.', { exact: true }).waitFor();
    expect(await page.getByRole('status').textContent()).to.equal('large.png: The connection was lost.');
    await gallery.startAgain();
    await page.getByRole('button', { name: 'Try again' }).click();
    const picture = page.locator('#pictures img');
    await picture.waitFor();
    expect(await picture.evaluate(naturalSize)).to.deep.equal([30, 20]);
    expect(await page.locator('#uploads li').count()).to.equal(0);
  });

  itWith('chromium', 'cancels one upload, and what waits behind it goes on', async () => {
    await using tab = await browser.open(gallery.url);
    const { page } = tab;
    const names = ['first.png', 'second.png', 'third.png'];
    const paths = names.map((name) => join(gallery.root, name));
    for (const path of paths) writeFileSync(path, png(8, 8, [0, 0, 0], 16 * MIB));
    gallery.signal('SIGSTOP');
    await page.getByLabel('Choose pictures').setInputFiles(paths);
    await page.waitForFunction(() => (document.querySelector('progress')?.value ?? 0) > 0);
    const rows = page.locator('#uploads li');
    expect(await rows.locator('.state').nth(2).textContent()).to.equal('Waiting');
    await rows.filter({ hasText: 'second' }).getByRole('button', { name: 'Cancel' }).click();
    await rows.filter({ hasText: 'first' }).getByRole('button', { name: 'Cancel' }).click();
    gallery.signal('SIGCONT');
    await page.locator('#pictures').getByText('third.png').waitFor();
    expect(await rows.count()).to.equal(0);
    expect(gallery.pictures).to.have.lengthOf(1);
    while (gallery.temporary.length > 0) await fetch(gallery.url);
    expect(tab.complaints).to.deep.equal([]);
  });

  itWith('chromium', 'would not run a script that got into it all the same', async () => {
    await using tab = await browser.open(gallery.url);
    const outcome = await tab.page.evaluate(
      () =>
        new Promise((resolve) => {
          document.addEventListener('ran', () => resolve('ran'));
          document.addEventListener('securitypolicyviolation', () => resolve('refused'));
          const script = "document.dispatchEvent(new Event('ran'))";
          document.body.insertAdjacentHTML('beforeend', `<img src="page.svg" onload="${script}">`);
        }),
    );
    expect(outcome).to.equal('refused');
  });

  itWith('chromium', 'runs nothing that is hidden in a picture', async () => {
    const script = '<script>document.title = "run"</script>';
    const body = new FormData();
    body.append(
      'pictures',
      new File([Uint8Array.from(gif(`=1;${script}//`))], 'a.html', { type: 'text/html' }),
    );
    const response = await fetch(gallery.url, { method: 'POST', body });
    expect(response.headers.get('content-type')).to.equal('image/gif');
    await using tab = await browser.open(response.url);
    const { page } = tab;
    expect(await page.title()).not.to.equal('run');
    await page.goto(gallery.url);
    const outcome = await page.evaluate(
      (src) =>
        new Promise((resolve) => {
          const script = document.createElement('script');
          script.onload = () => resolve('run');
          script.onerror = () => resolve('refused');
          script.src = src;
          document.body.append(script);
        }),
      response.url,
    );
    expect(outcome).to.equal('refused');
  });

  itWith('curl', 'answers a form with the address of its last picture', async () => {
    const path = join(gallery.root, 'x.png');
    writeFileSync(path, png(8, 8));
    const form = ['-F', `pictures=@${path};filename="../../x.png"`, '-F', `pictures=@${path}`];
    const answer = await runTool('curl', ['-sS', '-i', ...form, gallery.url]);
    expect(answer).to.match(/^HTTP\/1\.1 303 See Other\r\n/);
    const [, location = ''] = /\r\nLocation: (\S+)\r\n/.exec(answer) ?? [];
    expect(gallery.pictures).to.have.lengthOf(2);
    expect(gallery.pictures).to.contain(location);
    const labels = gallery.pictures.map((name) =>
      Buffer.from(name.split('.')[2] ?? '', 'base64url').toString(),
    );
    expect(labels).to.deep.equal(['x.png', 'x.png']);
    expect(readdirSync(join(gallery.root, '..'))).to.have.members(['gallery', 'tmp']);
    const names = JSON.parse(await runTool('curl', ['-sS', `${gallery.url}/pictures`])) as string[];
    expect(names.map((name) => `/pictures/${name}`)).to.deep.equal(gallery.pictures);
    const headers = await runTool('curl', ['-sS', '--head', gallery.url + location]);
    expect(headers)
      .to.match(/\r\nContent-Type: image\/png\r\n/)
      .and.to.match(/\r\nX-Content-Type-Options: nosniff\r\n/);
  });

  itWith('curl', 'takes forms of up to 64 MiB, and answers 413 for more, announced or not', async () => {
    const path = join(gallery.root, 'large.png');
    writeFileSync(path, png(8, 8, [0, 0, 0], 64 * MIB - 1000));
    const answer = await runTool('curl', ['-sS', '-i', '-F', `pictures=@${path}`, gallery.url]);
    expect(answer).to.match(/HTTP\/1\.1 303 /);
    writeFileSync(path, png(8, 8, [0, 0, 0], 64 * MIB));
    for (const extra of [[], ['-H', 'Transfer-Encoding: chunked']]) {
      const status = ['-sS', '-o', '/dev/null', '-w', '%{http_code}'];
      const answer = await runTool('curl', [...status, ...extra, '-F', `pictures=@${path}`, gallery.url]);
      expect(answer).to.equal('413');
    }
    expect(gallery.pictures).to.have.lengthOf(1);
  });

  itWith('curl', 'answers 403 to the form of another site, and reads nothing of it', async () => {
    const args = ['-sS', '-o', '/dev/null', '-w', '%{http_code}', '-H', 'Sec-Fetch-Site: cross-site'];
    expect(
      await runTool('curl', [...args, '-F', `pictures=@${join(gallery.root, 'index.html')}`, gallery.url]),
    ).to.equal('403');
    expect(await runTool('curl', [...args, gallery.url])).to.equal('200');
  });

  itWith('curl', 'sends nothing but its page and the pictures', async () => {
    writeFileSync(join(gallery.root, '../secret.txt'), 'secret');
    const paths = [
      '/../secret.txt',
      '/pictures/../../secret.txt',
      '/%2e%2e/secret.txt',
      '//etc/passwd',
      '/pictures/',
    ];
    for (const path of paths) {
      const args = ['-sS', '--path-as-is', '-o', '/dev/null', '-w', '%{http_code}', gallery.url + path];
      expect(await runTool('curl', args), path).to.match(/40[34]/);
    }
  });
});
