import { statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import type { Page } from 'playwright-core';
import { TestBrowser } from './support/browser.js';
import { itWith } from './support/debian-tool.js';
import { Gallery } from './support/gallery.js';
import { file, gif, naturalSize, png } from './support/pictures.js';

const MIB = 2 ** 20;

describe('10-gallery, in a browser', function () {
  // A browser takes its time on a machine that has much to do.
  this.timeout(60_000);
  const browser = new TestBrowser();
  let gallery: Gallery;
  beforeEach(async () => {
    gallery = await Gallery.start();
  });
  afterEach(() => gallery[Symbol.asyncDispose]());
  after(() => browser[Symbol.asyncDispose]());

  itWith('chromium', 'shows what was chosen, the latest first, byte for byte', async () => {
    await using tab = await browser.open(gallery.url);
    const { page } = tab;
    await page.getByText('No pictures yet.').waitFor();
    const jpeg = await drawn(page, 'image/jpeg');
    const webp = await drawn(page, 'image/webp');
    const files = [
      file('a.png', png(640, 480)),
      file('b.jpg', jpeg),
      file('c.webp', webp),
      file('d.gif', gif()),
    ];
    await page.getByLabel('Choose pictures').setInputFiles(files);
    await page.locator('#pictures li').nth(3).waitFor();
    await page.waitForFunction(() => [...document.images].every((image) => image.naturalWidth > 0));

    const shown = await page.locator('#pictures li').allTextContents();
    expect(shown.map((text) => text.trim())).to.deep.equal(['d.gif', 'c.webp', 'b.jpg', 'a.png']);
    for (const [i, { mimeType, buffer }] of files.reverse().entries()) {
      const response = await fetch(`${gallery.url}${gallery.pictures[i]}`);
      expect(response.headers.get('content-type')).to.equal(mimeType);
      expect(Buffer.from(await response.arrayBuffer()).equals(buffer), `picture ${i}`).to.equal(true);
    }
    expect(await page.locator('#uploads li').count()).to.equal(0);
    expect(await page.getByText('No pictures yet.').isVisible()).to.equal(false);
    const left = await page.evaluate(() => document.querySelector('input')?.files?.length);
    expect(left, 'left in the form').to.equal(0);
    expect(tab.complaints).to.deep.equal([]);

    await page.reload();
    await page.locator('#pictures li').nth(3).waitFor();
    expect((await page.locator('#pictures li').allTextContents())[3]?.trim()).to.equal('a.png');
  });

  itWith('chromium', 'takes what is dropped anywhere, and does not leave for it', async () => {
    await using tab = await browser.open(gallery.url);
    const { page } = tab;
    const path = join(gallery.root, 'dropped.png');
    writeFileSync(path, png(8, 8));
    const devtools = await page.context().newCDPSession(page);
    const data = { items: [], files: [path], dragOperationsMask: 1 };
    for (const [type, x, y] of [
      ['dragEnter', 200, 200],
      ['dragOver', 200, 200],
      ['dragOver', 5, 5],
      ['drop', 5, 5],
    ] as const) {
      await devtools.send('Input.dispatchDragEvent', { type, x, y, data });
      if (type === 'dragOver') expect(await page.locator('.drop.over').count()).to.equal(1);
    }
    await page.locator('#pictures').getByText('dropped.png').waitFor();
    expect(await page.locator('.drop.over').count()).to.equal(0);
    expect(page.url()).to.equal(`${gallery.url}/`);
    expect(tab.complaints).to.deep.equal([]);
  });

  itWith('chromium', 'shows how far the upload has come', async () => {
    await using tab = await browser.open(gallery.url);
    const { page } = tab;
    const path = join(gallery.root, 'large.png');
    writeFileSync(path, png(320, 200, [240, 180, 40], 24 * MIB));
    // A server that does not read: the system takes a few MiB in its place, and no more.
    gallery.signal('SIGSTOP');
    await page.getByLabel('Choose pictures').setInputFiles(path);
    await page.waitForFunction(() => {
      const bar = document.querySelector('progress');
      return bar !== null && bar.value > 0 && bar.value < 1;
    });
    expect(await page.locator('.state').textContent()).to.match(/^\d\d? %$/);
    expect(await page.getByRole('progressbar', { name: 'Upload of large.png' }).isVisible()).to.equal(true);
    gallery.signal('SIGCONT');
    const picture = page.locator('#pictures img');
    await picture.waitFor();
    expect(await picture.evaluate(naturalSize)).to.deep.equal([320, 200]);
    expect(await page.getByRole('status').textContent()).to.equal('large.png is uploaded.');
    expect(statSync(join(gallery.root, gallery.pictures[0] ?? '')).size).to.equal(statSync(path).size);
    expect(tab.complaints).to.deep.equal([]);
  });

  itWith('chromium', 'shows hostile names as text, and keeps none of them as a path', async () => {
    await using tab = await browser.open(gallery.url);
    const { page } = tab;
    const dialogs: string[] = [];
    page.on('dialog', (dialog) => {
      dialogs.push(dialog.message());
      void dialog.dismiss();
    });
    // What others send, and what a browser makes of a quotation mark.
    const raw = '"><img src=x onerror=alert(1)>.gif';
    await sendRaw(gallery.url, raw.replace('"', '\\"'), gif());
    const names = [
      // Its base64 has both characters in which the form for URLs is another.
      '>>>???>>>???.png',
      '%22><img src=x onerror=alert(1)>.png',
      '%2e%2e%2f\u202egnp.exe.png',
      `${'ä'.repeat(99)}.png`,
    ];
    for (const name of names) await page.getByLabel('Choose pictures').setInputFiles(file(name, png(8, 8)));
    await page.locator('#pictures li').nth(4).waitFor();
    const shown = (await page.locator('#pictures .label').allTextContents()).reverse();
    expect(shown).to.deep.equal([raw, names[0], names[1], names[2], 'ä'.repeat(60)]);
    expect(await page.locator('#pictures img').count()).to.equal(5);
    await page.reload();
    await page.locator('#pictures li').nth(4).waitFor();
    expect((await page.locator('#pictures .label').allTextContents()).reverse()).to.deep.equal(shown);
    for (const name of gallery.pictures)
      expect(name).to.match(/^\/pictures\/\d{13}\.[\da-f-]{36}\.[\w-]+\.(?:png|gif)$/);
    expect(dialogs).to.deep.equal([]);
    expect(tab.complaints).to.deep.equal([]);
  });

  itWith('chromium', 'is used with the keyboard alone', async () => {
    await using tab = await browser.open(gallery.url);
    const { page } = tab;
    // Asked for early: the browser is told not to open a dialogue of its own.
    const asked = page.waitForEvent('filechooser');
    await page.keyboard.press('Tab');
    expect(await page.locator('.drop').evaluate((drop) => getComputedStyle(drop).outlineStyle)).to.equal(
      'solid',
    );
    await page.keyboard.press('Space');
    const chooser = await asked;
    expect(chooser.isMultiple()).to.equal(true);
    await chooser.setFiles([file('a.png', png(8, 8)), file('b.png', Buffer.from('no'))]);
    await page.getByRole('button', { name: 'Try again' }).waitFor();
    await page.keyboard.press('Tab');
    await page.keyboard.press('Tab');
    expect(await page.evaluate(() => document.activeElement?.textContent)).to.equal('Dismiss');
    await page.keyboard.press('Enter');
    await page.keyboard.press('Tab');
    await Promise.all([page.waitForURL('**/pictures/*.png'), page.keyboard.press('Enter')]);
  });

  itWith('chromium', 'fits a phone and a desk, in the light and in the dark', async () => {
    const looks: string[] = [];
    for (const colorScheme of ['light', 'dark'] as const) {
      for (const width of [320, 1280]) {
        await using tab = await browser.open(gallery.url, {
          colorScheme,
          viewport: { width, height: 800 },
        });
        const { page } = tab;
        const name = `${'long'.repeat(30)}.png`;
        await page
          .getByLabel('Choose pictures')
          .setInputFiles([file(name, png(8, 8)), file(name, Buffer.from('no'))]);
        await page.getByRole('button', { name: 'Try again' }).waitFor();
        await page.locator('#pictures li').first().waitFor();
        expect(await page.evaluate(() => document.documentElement.scrollWidth)).to.equal(width);
        looks.push(await page.evaluate(() => getComputedStyle(document.body).backgroundColor));
      }
    }
    expect(new Set(looks)).to.have.lengthOf(2);
  });

  itWith('chromium', 'works without JavaScript: the form is sent, and the picture shown', async () => {
    await using tab = await browser.open(gallery.url, { javaScriptEnabled: false });
    const { page } = tab;
    expect(await page.getByText('Without JavaScript').isVisible()).to.equal(true);
    expect(await page.getByText('or drop them here').isVisible()).to.equal(false);
    const input = page.getByLabel('Choose pictures');
    await input.setInputFiles([file('a.png', png(8, 8)), file('b.png', png(31, 17))]);
    expect(tab.complaints).to.deep.equal([]);
    await page.getByRole('button', { name: 'Upload' }).click();
    await page.waitForURL(`${gallery.url}${gallery.pictures[0]}`);
    expect(gallery.pictures).to.have.lengthOf(2);
    const body = await fetch(page.url()).then((response) => response.arrayBuffer());
    expect(Buffer.from(body).equals(png(31, 17))).to.equal(true);
  });
});

/** A picture as the browser writes it. */
async function drawn(page: Page, type: string): Promise<Buffer> {
  const url = await page.evaluate((type) => {
    const canvas = document.createElement('canvas');
    const context = canvas.getContext('2d');
    context?.fillRect(20, 20, 100, 60);
    return canvas.toDataURL(type);
  }, type);
  return Buffer.from(url.split(',')[1] ?? '', 'base64');
}

/** Sends a form whose file has `filename` exactly as it is given. */
async function sendRaw(url: string, filename: string, content: Buffer): Promise<void> {
  const head = `--cut\r\nContent-Disposition: form-data; name="pictures"; filename="${filename}"\r\n\r\n`;
  const body = Buffer.concat([Buffer.from(head), content, Buffer.from('\r\n--cut--\r\n')]);
  const headers = { 'Content-Type': 'multipart/form-data; boundary=cut' };
  expect((await fetch(url, { method: 'POST', headers, body: Uint8Array.from(body) })).status).to.equal(200);
}
