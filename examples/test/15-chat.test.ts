import { expect } from 'chai';
import { TestBrowser } from './support/browser.js';
import { Chat, ChatTab } from './support/chat.js';
import { itWith } from './support/debian-tool.js';

describe('15-chat, in a browser', function () {
  // A browser takes its time on a machine that has much to do.
  this.timeout(60_000);
  const browser = new TestBrowser();
  let chat: Chat;
  beforeEach(async () => {
    chat = await Chat.start();
  });
  afterEach(() => chat[Symbol.asyncDispose]());
  after(() => browser[Symbol.asyncDispose]());
  const enter = (name: string, options = {}) => ChatTab.enter(browser, chat.url, name, options);

  itWith('chromium', 'lets two tabs talk, and shows who comes, who is there and who leaves', async () => {
    await using ann = await enter('Ann');
    expect(await ann.people()).to.deep.equal(['Ann']);
    const bob = await enter('Bob');
    await ann.sees('Bob has joined');
    expect([await ann.people(), await bob.people()]).to.deep.equal([
      ['Ann', 'Bob'],
      ['Ann', 'Bob'],
    ]);
    await ann.say('Hello, Bob');
    await bob.sees('Hello, Bob');
    await bob.say('Grüß dich 👋');
    await ann.sees('Grüß dich 👋');
    expect(await bob.lines()).to.deep.equal(['Ann: Hello, Bob', 'Bob: Grüß dich 👋']);
    const own = (tab: ChatTab) => tab.page.locator('#log .own .text').allTextContents();
    expect([await own(ann), await own(bob)]).to.deep.equal([['Hello, Bob'], ['Grüß dich 👋']]);
    expect(await ann.page.getByLabel('Message', { exact: true }).inputValue()).to.equal('');
    expect([...ann.complaints, ...bob.complaints]).to.deep.equal([]);
    await bob[Symbol.asyncDispose]();
    await ann.sees('Bob has left');
    expect(await ann.people()).to.deep.equal(['Ann']);
    expect(await ann.lines()).to.deep.equal([
      'Bob has joined',
      'Ann: Hello, Bob',
      'Bob: Grüß dich 👋',
      'Bob has left',
    ]);
  });

  itWith('chromium', 'shows a newcomer the last hundred messages, in their order', async () => {
    await using ann = await enter('Ann');
    for (let i = 1; i <= 101; i++) await ann.say(`number ${i}`);
    await ann.sees('number 101');
    await using bob = await enter('Bob');
    await bob.sees('number 101');
    const numbers = Array.from({ length: 100 }, (_, i) => `Ann: number ${i + 2}`);
    expect(await bob.lines()).to.deep.equal(numbers);
    expect(await ann.lines()).to.have.lengthOf(102);
    const isAtEnd = (tab: ChatTab) =>
      tab.page.locator('#log').evaluate((log) => log.scrollHeight - log.scrollTop - log.clientHeight < 2);
    expect([await isAtEnd(ann), await isAtEnd(bob)]).to.deep.equal([true, true]);
  });

  itWith('chromium', 'leaves who reads earlier messages where they are', async () => {
    await using ann = await enter('Ann');
    await using bob = await enter('Bob');
    for (let i = 1; i <= 50; i++) await ann.say(`number ${i}`);
    await bob.sees('number 50');
    const log = bob.page.locator('#log');
    await log.evaluate((log) => log.scrollTo(0, 0));
    await ann.say('one more');
    await bob.sees('one more');
    expect(await log.evaluate(({ scrollTop }) => scrollTop)).to.equal(0);
    await bob.say('and one of mine');
    await bob.sees('and one of mine');
    expect(await log.evaluate(({ scrollTop }) => scrollTop)).to.be.above(0);
  });

  itWith('chromium', 'shows everything as text, whatever it looks like', async () => {
    await using ann = await enter('Ann');
    const name = 'x<img src=x onerror=alert(1)>';
    await using eve = await enter(name);
    const texts = [
      '<script>alert(1)</script>',
      '<b onclick="alert(1)">&amp;</b>',
      '"><img src=x onerror=alert(1)>',
    ];
    const dialogs: string[] = [];
    for (const { page } of [ann, eve]) {
      page.on('dialog', (dialog) => {
        dialogs.push(dialog.message());
        void dialog.dismiss();
      });
    }
    for (const text of texts) await eve.say(text);
    await ann.sees(texts[2] ?? '');
    expect(await ann.lines()).to.deep.equal([
      `${name} has joined`,
      ...texts.map((text) => `${name}: ${text}`),
    ]);
    expect(await ann.people()).to.deep.equal(['Ann', name]);
    expect(await ann.page.locator('main :is(img, script, b)').count()).to.equal(0);
    expect([dialogs, ann.complaints, eve.complaints]).to.deep.equal([[], [], []]);
  });

  itWith('chromium', 'tells people of one name apart', async () => {
    await using first = await enter('Ann');
    await using second = await enter('Ann');
    await using third = await enter('Ann');
    expect(await third.people()).to.deep.equal(['Ann', 'Ann 2', 'Ann 3']);
    await first.sees('Ann 3 has joined');
    expect(await second.state()).to.equal('Connected as Ann 2');
    await second.say('who am I?');
    await first.sees('who am I?');
    expect((await first.lines()).at(-1)).to.equal('Ann 2: who am I?');
    expect(await first.page.locator('#log .own').count()).to.equal(0);
    expect(await second.page.locator('#log .own').count()).to.equal(1);
  });

  itWith('chromium', 'is entered under a name that the server takes, and no other', async () => {
    await using tab = await browser.open(chat.url);
    const { page } = tab;
    const input = page.getByLabel('Your name');
    for (const name of ['', ' ', '.Ann', '<Ann>', 'An\u202en']) {
      await input.fill(name);
      await page.getByRole('button', { name: 'Enter' }).click();
      expect(await input.evaluate((input) => input.matches(':invalid')), name).to.equal(true);
    }
    await input.fill('é-mile O’Neil 愛');
    await input.press('Enter');
    await page.getByText('Connected as é-mile O’Neil 愛').waitFor();
    expect(tab.complaints).to.deep.equal([]);
  });

  itWith('chromium', 'comes back under its name after a reload, and is left by a button', async () => {
    await using ann = await enter('Ann');
    await using bob = await enter('Bob');
    await ann.say('Hello');
    await bob.sees('Hello');
    for (let i = 0; i < 5; i++) {
      await bob.page.reload();
      await bob.page.getByText('Connected as').waitFor();
      expect(await bob.state()).to.equal('Connected as Bob');
      await bob.sees('Hello');
    }
    await bob.page.getByRole('button', { name: 'Leave' }).click();
    await ann.page.locator('#log').getByText('Bob has left').nth(5).waitFor();
    await bob.page.reload();
    await bob.page.getByLabel('Your name').fill('Carl');
    await bob.page.getByRole('button', { name: 'Enter' }).click();
    await ann.sees('Carl has joined');
    expect(await ann.people()).to.deep.equal(['Ann', 'Carl']);
    expect(await bob.lines()).to.deep.equal(['Ann: Hello']);
  });

  itWith('chromium', 'fits a phone and a desk, in the light and in the dark', async () => {
    const looks: string[] = [];
    const long = 'long'.repeat(100);
    for (const colorScheme of ['light', 'dark'] as const) {
      for (const width of [320, 1280]) {
        await using tab = await enter('x'.repeat(30), { colorScheme, viewport: { width, height: 600 } });
        const { page } = tab;
        await tab.say(long);
        await page.locator('#log .text').first().waitFor();
        const size = await page.evaluate(() => {
          const { scrollWidth, scrollHeight } = document.documentElement;
          return [scrollWidth, scrollHeight];
        });
        expect(size).to.deep.equal([width, 600]);
        expect(await page.locator('#log').evaluate((log) => log.scrollWidth - log.clientWidth)).to.equal(0);
        looks.push(await page.evaluate(() => getComputedStyle(document.body).backgroundColor));
      }
    }
    expect(new Set(looks)).to.have.lengthOf(2);
  });
});
