import { createHash } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { NetStruct } from '@inseam/engine';
import { expect } from 'chai';
import { itWith, runTool } from './support/debian-tool.js';
import { RawClient } from './support/raw-client.js';
import { RunningExample } from './support/running-example.js';
import { blocksTaken, MANY, readOn } from './support/slow-reader.js';

const CALL = new NetStruct('I B$ I$');
const REPLY = new NetStruct('I ? I$');
const client = fileURLToPath(new URL('../support/rpc-client.py', import.meta.url));
const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

describe('05-rpc', () => {
  let rpc: RunningExample;
  before(async () => {
    rpc = await RunningExample.start('05-rpc');
  });
  after(() => rpc[Symbol.asyncDispose]());

  const call = (...words: string[]) => runTool('python3', [client, String(rpc.port), ...words]);

  itWith('python3', "answers Python's struct", async () => {
    expect(await call('sha256', 'hello')).to.equal(`1 ok ${sha256('hello')}\n`);
    expect(await call('reverse', 'Grüße 😀')).to.equal('1 ok 😀 eßürG\n');
    expect(await call('reverse', '')).to.equal('1 ok \n');
  });

  itWith(
    'python3',
    'answers pipelined calls in their order, the slow ones too, after the client has ended',
    async () => {
      const words = Array.from({ length: 1000 }, (_, i) => ['reverse', String(i + 1000)]).flat();
      const replies = await call('resolve', '127.0.0.1', ...words);
      const expected = Array.from(
        { length: 1000 },
        (_, i) => `${i + 2} ok ${[...`${i + 1000}`].reverse().join('')}`,
      );
      expect(replies.trim().split('\n')).to.deep.equal(['1 ok 127.0.0.1', ...expected]);
    },
  );

  itWith('python3', 'answers calls that come byte by byte', async () => {
    const replies = await runTool('python3', [
      client,
      '--slowly',
      String(rpc.port),
      'reverse',
      'ab',
      'reverse',
      'cd',
    ]);
    expect(replies).to.equal('1 ok ba\n2 ok dc\n');
  });

  itWith('python3', 'says what went wrong, and goes on', async () => {
    const replies = await call(
      'explode',
      'now',
      'constructor',
      '',
      'resolve',
      'no such name',
      'reverse',
      'ab',
    );
    expect(replies).to.match(
      /^1 failed no method explode\n2 failed no method constructor\n3 failed .*no such name\n4 ok ba\n$/,
    );
    expect(rpc.output).not.to.match(/inseam/);
  });

  it('takes calls of a megabyte, and hangs up on longer ones', async () => {
    const argument = 'x'.repeat(2 ** 20 - CALL.minimumSize - 6);
    const longest = CALL.pack(7, 'sha256', argument);
    expect(longest).to.have.lengthOf(2 ** 20);
    const guest = await RawClient.connect(rpc.port);
    guest.socket.on('error', () => {});
    guest.socket.write(longest);
    const reply = REPLY.pack(7, true, sha256(argument)).toString('latin1');
    expect(await guest.read(/[0-9a-f]{64}$/)).to.equal(reply);
    guest.socket.write(CALL.pack(8, 'sha256', `${argument}x`));
    await rpc.printed(/ENGINE_BUFFER_OVERFLOW/);
    expect(guest.text).to.equal(reply);
  });

  it('waits for a client that does not read', async () => {
    const [guest, other] = [await RawClient.connect(rpc.port), await RawClient.connect(rpc.port)];
    const text = 'x'.repeat(1_000_000);
    const taken = await blocksTaken(
      guest.socket,
      (i) => CALL.pack(i, 'reverse', text),
      (i) => {
        other.socket.write(CALL.pack(i, 'reverse', 'drawer'));
        return other.read(new RegExp(`^.{${15 * (i + 1)}}`, 's'));
      },
    );
    expect(taken).to.be.lessThan(MANY);
    await readOn(guest.socket, MANY * (REPLY.minimumSize + text.length));
  });

  it('stops at Ctrl-C, in the middle of a call', async () => {
    await using stopping = await RunningExample.start('05-rpc');
    const guest = await RawClient.connect(stopping.port);
    guest.write(CALL.pack(1, 'resolve', 'localhost').toString('latin1').repeat(10_000));
    await guest.read(/127\.0\.0\.1|::1/);
    stopping.interrupt();
    await guest.readToEnd();
    guest.socket.end();
    expect(await stopping.ended()).to.equal(0);
    expect(stopping.output).not.to.match(/inseam/);
  });
});
