import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { TestBrowser } from './support/browser.js';
import { Chat, ChatTab } from './support/chat.js';
import { itWith } from './support/debian-tool.js';
import { RunningTool } from './support/running-tool.js';

const PROGRAM = fileURLToPath(new URL('../../dist/16-chat-client.js', import.meta.url));

describe('16-chat-client', () => {
  let chat: Chat;
  beforeEach(async () => {
    chat = await Chat.start();
  });
  afterEach(() => chat[Symbol.asyncDispose]());

  const enter = (...args: string[]) =>
    new RunningTool(process.execPath, [PROGRAM, ...args], { CHAT: `ws://localhost:${chat.port}/chat` });

  it('lets two terminals talk, until their input ends', async () => {
    await using ann = enter('Ann');
    await ann.read(/\* Ann has joined\n/);
    ann.write('first\n');
    await ann.read(/Ann: first\n/);
    await using bob = enter('Bob O’Neil');
    await ann.read(/\* Bob O’Neil has joined\n/);
    bob.write('\nGrüß dich\n');
    await Promise.all([ann, bob].map((one) => one.read(/Bob O’Neil: Grüß dich\n/)));
    bob.end();
    expect(await bob.ended()).to.equal(0);
    await ann.read(/\* Bob O’Neil has left\n/);
    expect(bob.output).to.equal('Ann: first\n* Bob O’Neil has joined\nBob O’Neil: Grüß dich\n');
    expect(ann.output.split('\n')).to.have.lengthOf(6);
  });

  it('sends everything that it was given before it ends', async () => {
    await using ann = enter('Ann');
    await ann.read(/\* Ann has joined\n/);
    await using guest = enter();
    // It cannot be connected yet.
    for (let i = 1; i <= 500; i++) guest.write(`number ${i}\n`);
    guest.end();
    expect(await guest.ended()).to.equal(0);
    await ann.read(/\* Guest has left\n/);
    expect(ann.output.match(/number \d+/g)).to.deep.equal(
      Array.from({ length: 500 }, (_, i) => `number ${i + 1}`),
    );
  });

  it('goes on when it was told more than can be sent at once', async () => {
    await using ann = enter('Ann');
    await ann.read(/\* Ann has joined\n/);
    const line = '.'.repeat(4_000);
    for (let i = 0; i < 200; i++) ann.write(`${line}\n`);
    ann.write('and this\n');
    await ann.read(/Ann: and this\n/);
    expect(ann.output.match(/Ann: \.{4000}\n/g)).to.have.lengthOf(200);
  });

  it('strips what a terminal would obey', async () => {
    await using ann = enter('Ann');
    await ann.read(/\* Ann has joined\n/);
    ann.write('\x1b[2Jgo\x07ne\n');
    await ann.read(/Ann: \[2Jgone\n/);
  });

  it('ends with the chat, and says so', async () => {
    await using ann = enter('Ann');
    await ann.read(/\* Ann has joined\n/);
    await chat.interrupt();
    expect(await ann.ended()).to.equal(0);
    expect(ann.output).to.match(/\* The chat has ended \(1001 going away\)\n$/);
  });

  it('says when it is not let in, and when nobody is there', async () => {
    await using nameless = enter('<b>');
    expect(await nameless.ended()).to.equal(1);
    expect(nameless.output).to.equal('Another name, please.\n');
    await chat.interrupt();
    await using alone = enter('Ann');
    expect(await alone.ended()).to.equal(1);
    expect(alone.output).to.match(/^Nobody is there: .+\n$/);
  });

  describe('and a browser', function () {
    this.timeout(60_000);
    const browser = new TestBrowser();
    after(() => browser[Symbol.asyncDispose]());

    itWith('chromium', 'are in one chat', async () => {
      await using ann = enter('Ann');
      await ann.read(/\* Ann has joined\n/);
      await using bob = await ChatTab.enter(browser, chat.url, 'Bob');
      await ann.read(/\* Bob has joined\n/);
      ann.write('<b>hello</b>\n');
      await bob.sees('<b>hello</b>');
      await bob.say('hello, terminal');
      await ann.read(/Bob: hello, terminal\n/);
      expect(await bob.people()).to.deep.equal(['Ann', 'Bob']);
    });
  });
});
