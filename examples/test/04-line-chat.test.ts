import { createHash } from 'node:crypto';
import { expect } from 'chai';
import { itWith } from './support/debian-tool.js';
import { RawClient } from './support/raw-client.js';
import { RunningExample } from './support/running-example.js';
import { RunningTool } from './support/running-tool.js';
import { blocksTaken, MANY, readOn } from './support/slow-reader.js';

describe('04-line-chat', () => {
  let chat: RunningExample;
  beforeEach(async () => {
    chat = await RunningExample.start('04-line-chat');
  });
  afterEach(() => chat[Symbol.asyncDispose]());

  /** A guest who has been let in: everybody who is there has been told. */
  async function enter(name: string, ...others: RawClient[]): Promise<RawClient> {
    const guest = await RawClient.connect(chat.port);
    guest.write(`${name}\n`);
    await guest.read(/Your name\?\n/);
    await Promise.all(others.map((other) => other.read(new RegExp(`\\* ${name} is here\n`))));
    return guest;
  }

  itWith('nc', 'lets two people talk through nc', async () => {
    await using ann = new RunningTool('nc', ['localhost', String(chat.port)]);
    await ann.read(/Your name\?\n/);
    ann.write('Ann\n');
    await using bob = new RunningTool('nc', ['localhost', String(chat.port)]);
    await bob.read(/Your name\?\n/);
    bob.write('Bob\n');
    await ann.read(/\* Bob is here\n/);
    ann.write('Hello, Bob\n');
    await bob.read(/Ann: Hello, Bob\n/);
    bob.write('Grüß dich\n\n');
    await ann.read(/Bob: Grüß dich\n/);
    bob.signal('SIGINT');
    await ann.read(/\* Bob has left\n/);
    expect(ann.output).to.equal('Your name?\n* Bob is here\nBob: Grüß dich\n* Bob has left\n');
    expect(bob.output).to.equal('Your name?\nAnn: Hello, Bob\n');
  });

  it('tells nothing to those without a name, and nothing of them', async () => {
    const ann = await enter('Ann');
    const nobody = await RawClient.connect(chat.port);
    await nobody.read(/Your name\?\n/);
    const bob = await enter('Bob', ann);
    bob.write('one\n');
    await ann.read(/Bob: one\n/);
    nobody.socket.end('\n');
    expect(await nobody.readToEnd()).to.equal('Your name?\n');
    bob.write('two\n');
    expect(await ann.read(/Bob: two\n/)).to.equal('Your name?\n* Bob is here\nBob: one\nBob: two\n');
  });

  it('strips what a terminal would obey, line ends of Windows included', async () => {
    const ann = await enter('Ann');
    const bob = await enter('Bob', ann);
    bob.write('\x1b[2Jgo\x07ne\r\n\r\n');
    bob.write('end\n');
    expect(await ann.read(/Bob: end\n/)).to.match(/\nBob: \[2Jgone\nBob: end\n$/);
  });

  it('takes lines of a thousand bytes, refuses longer ones and goes on without who wrote them', async () => {
    const ann = await enter('Ann');
    const bob = await enter('Bob', ann);
    bob.write(`${'x'.repeat(1000)}\n${'y'.repeat(1001)}`);
    expect(await bob.readToEnd()).to.equal('Your name?\nThat line is too long.\n');
    bob.socket.end();
    expect(await ann.read(/left\n/)).to.match(/here\nBob: x{1000}\n\* Bob has left\n$/);
    await enter('Carl', ann);
  });

  it('makes those who write wait for one who does not read, and loses nothing', async () => {
    const ann = await enter('Ann');
    const bob = await enter('Bob', ann);
    const lines = Array.from({ length: 1000 }, (_, i) => `${i} ${'.'.repeat(990)}\n`);
    ann.socket.removeAllListeners('data').pause();
    const newcomer = async () => (await enter('')).socket.destroy();
    expect(await blocksTaken(bob.socket, () => lines.join(''), newcomer)).to.be.lessThan(MANY);
    const told = createHash('sha256');
    const expected = createHash('sha256');
    const block = lines.map((line) => `Bob: ${line}`).join('');
    for (let i = 0; i < MANY; i++) expected.update(block);
    await readOn(ann.socket, MANY * block.length, (text) => told.update(text));
    expect(told.digest('hex')).to.equal(expected.digest('hex'));
  });

  it('says goodbye to everybody at Ctrl-C', async () => {
    const ann = await enter('Ann');
    const bob = await enter('Bob', ann);
    chat.interrupt();
    await Promise.all([ann.readToEnd(), bob.readToEnd()]);
    for (const { socket } of [ann, bob]) socket.end();
    expect(await chat.ended()).to.equal(0);
    expect(chat.output).not.to.match(/inseam/);
  });
});
