import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { itWith, runTool } from './support/debian-tool.js';
import { RawClient } from './support/raw-client.js';
import { RunningExample } from './support/running-example.js';
import { RunningTool } from './support/running-tool.js';
import { blocksTaken, MANY, readOn } from './support/slow-reader.js';

describe('08-redis', () => {
  let redis: RunningExample;
  before(async () => {
    redis = await RunningExample.start('08-redis');
  });
  after(() => redis[Symbol.asyncDispose]());

  const cli = (...words: string[]) => runTool('redis-cli', ['-p', String(redis.port), ...words]);

  itWith('redis-cli', 'keeps what redis-cli sets', async () => {
    expect(await cli('PING')).to.equal('PONG\n');
    expect(await cli('ping', 'two words')).to.equal('two words\n');
    expect(await cli('SET', 'greeting', 'hello')).to.equal('OK\n');
    expect(await cli('GET', 'greeting')).to.equal('hello\n');
    expect(await cli('SET', 'greeting', '')).to.equal('OK\n');
    expect(await cli('--no-raw', 'GET', 'greeting')).to.equal('""\n');
    expect(await cli('--no-raw', 'DEL', 'greeting', 'greeting', 'nothing')).to.equal('(integer) 1\n');
    expect(await cli('--no-raw', 'GET', 'greeting')).to.equal('(nil)\n');
  });

  itWith('redis-cli', 'says what it does not understand, and goes on', async () => {
    const commands = 'FLUSHALL\nSET a\nGET\nCONSTRUCTOR\nECHO "still here"\n';
    await using session = new RunningTool('redis-cli', ['-p', String(redis.port)]);
    session.write(commands);
    session.end();
    expect(await session.ended()).to.equal(0);
    expect(session.output).to.match(/^(ERR not understood\n\n){4}still here\n$/);
  });

  itWith('redis-cli', 'takes a pipeline of redis-cli', async () => {
    await using mass = new RunningTool('redis-cli', ['-p', String(redis.port), '--pipe']);
    for (let i = 0; i < 10_000; i++) mass.write(request('SET', `key ${i}`, `välue ${i}`));
    mass.end();
    expect(await mass.ended()).to.equal(0);
    expect(mass.output).to.match(/errors: 0, replies: 10000\n$/);
    expect(await cli('GET', 'key 9999')).to.equal('välue 9999\n');
  });

  itWith('redis-cli', 'keeps bytes as they are, line ends and whole requests included', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'inseam-redis-'));
    try {
      const bytes = Buffer.concat([
        Buffer.from('\r\n$3\r\n*1\r\n'),
        randomBytes(1_000_000),
        Buffer.from('\r\n'),
      ]);
      writeFileSync(join(folder, 'sent'), bytes);
      const command = `redis-cli -p ${redis.port} -x SET "$(printf 'b\\377n')" < sent && redis-cli -p ${redis.port} GET "$(printf 'b\\377n')" > got`;
      expect(
        await runTool('sh', ['-c', `cd ${folder} && ${command} && printf '\\n' >> sent && cmp sent got`]),
      ).to.equal('OK\n');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('answers requests that come byte by byte, and plain lines', async () => {
    const client = await RawClient.connect(redis.port);
    client.socket.setNoDelay();
    const bytes = `${request('SET', 'a', '$1\r\nx')}${request('GET', 'a')}set b 1\r\n\r\nGET b\r\n*0\r\n${request('DEL', 'b')}`;
    for (const byte of bytes) client.write(byte);
    await client.read(/:1\r\n$/);
    expect(client.text).to.equal('+OK\r\n$5\r\n$1\r\nx\r\n+OK\r\n$1\r\n1\r\n:1\r\n');
    client.socket.destroy();
  });

  it('is not led astray by sizes that make no sense', async () => {
    const client = await RawClient.connect(redis.port);
    client.write('*-1\r\n$-5\r\n$x\r\n$99999999\r\n*1e3\r\n$1 \r\n*1\r\n$4\r\nPING\r\n');
    await client.read(/\+PONG\r\n$/);
    expect(client.text).to.equal(`${'-ERR not understood\r\n'.repeat(6)}+PONG\r\n`);
    client.socket.destroy();
  });

  it('waits for a client that does not read', async () => {
    const [client, other] = [await RawClient.connect(redis.port), await RawClient.connect(redis.port)];
    const text = 'x'.repeat(1_000_000);
    const taken = await blocksTaken(
      client.socket,
      () => request('ECHO', text),
      (i) => {
        other.write(request('PING'));
        return other.read(new RegExp(`^.{${'+PONG\r\n'.length * (i + 1)}}`, 's'));
      },
    );
    expect(taken).to.be.lessThan(MANY);
    await readOn(client.socket, MANY * `$1000000\r\n${text}\r\n`.length);
  });

  it('stops at Ctrl-C', async () => {
    await using stopping = await RunningExample.start('08-redis');
    const client = await RawClient.connect(stopping.port);
    client.write('PING\r\n');
    await client.read(/PONG\r\n/);
    stopping.interrupt();
    await client.readToEnd();
    client.socket.end();
    expect(await stopping.ended()).to.equal(0);
    expect(stopping.output).not.to.match(/inseam/);
  });
});

/** A request in RESP2. */
function request(...words: string[]): string {
  const args = words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`);
  return `*${words.length}\r\n${args.join('')}`;
}
