import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { networkInterfaces } from 'node:os';
import { expect } from 'chai';
import { itWith, runTool } from './support/debian-tool.js';
import { RunningExample } from './support/running-example.js';

const hasIPv6 = Object.values(networkInterfaces()).some((list) =>
  list?.some(({ address }) => address === '::1'),
);

describe('09-dns', () => {
  let dns: RunningExample;
  before(async () => {
    dns = await RunningExample.start('09-dns');
  });
  after(() => dns[Symbol.asyncDispose]());

  const dig = (...options: string[]) =>
    runTool('dig', ['@127.0.0.1', '-p', String(dns.port), '+tries=1', '+nocookie', ...options]);

  itWith('dig', 'tells dig the addresses that it knows, in any case', async () => {
    expect(await dig('+short', 'example.test')).to.equal('192.0.2.1\n');
    const answer = await dig('wWw.Example.TEST');
    expect(answer).to.match(/status: NOERROR.*\n;; flags: qr aa rd; QUERY: 1, ANSWER: 1,/);
    expect(answer).to.match(/\nwWw\.Example\.TEST\.\t+60\tIN\tA\t192\.0\.2\.2\n/);
    expect(answer).not.to.match(/malformed|extra bytes/);
  });

  if (hasIPv6) {
    itWith('dig', 'does so over IPv6', async () => {
      expect(await runTool('dig', ['@::1', '-p', String(dns.port), '+short', 'example.test'])).to.equal(
        '192.0.2.1\n',
      );
    });
  }

  itWith('dig', 'says that there are no others', async () => {
    for (const name of ['com', 'ww.example.test', 'a.www.example.test', '.', `${'x'.repeat(63)}.test`]) {
      const answer = await dig(name, 'A');
      expect(answer).to.match(/status: NXDOMAIN.*\n;; flags: qr aa rd; QUERY: 1, ANSWER: 0,/);
      expect(answer).to.contain(`\n;${name.replace(/\.?$/, '.')}`);
    }
  });

  itWith('dig', 'says that a name has addresses of no other kind', async () => {
    for (const type of ['AAAA', 'MX', 'TXT', 'ANY']) {
      const options = type === 'ANY' ? ['+notcp', type] : [type];
      expect(await dig('example.test', ...options)).to.match(/status: NOERROR.*\n.* ANSWER: 0,/);
    }
  });

  itWith('dig', 'does nothing but answer queries, and keeps the wish for recursion', async () => {
    expect(await dig('+opcode=NOTIFY', '+noedns', 'example.test')).to.match(/opcode: NOTIFY, status: NOTIMP/);
    expect(await dig('+norecurse', 'example.test')).to.match(/;; flags: qr aa; /);
  });

  it('drops what is no question, and goes on', async () => {
    const query = Buffer.from('abcd01000001000000000000076578616d706c6504746573740000010001', 'hex');
    const junk = Array.from(query, (_, length) => query.subarray(0, length));
    const pointer = Buffer.from('abcd01000001000000000000c00c00010001', 'hex');
    const answer = Buffer.from(query).fill(0x81, 2, 3);
    const socket = createSocket('udp4');
    for (const packet of [...junk, pointer, answer]) socket.send(packet, dns.port, '127.0.0.1');
    query.writeUInt16BE(0x1234);
    socket.send(query, dns.port, '127.0.0.1');
    const [reply] = await once(socket, 'message');
    socket.close();
    expect(reply.toString('hex')).to.equal(
      `123485000001000100000000${query.toString('hex', 12)}c00c000100010000003c0004c0000201`,
    );
    expect(dns.output).not.to.match(/inseam/);
  });

  it('stops at Ctrl-C', async () => {
    await using stopping = await RunningExample.start('09-dns');
    stopping.interrupt();
    expect(await stopping.ended()).to.equal(0);
    expect(stopping.output).not.to.match(/inseam/);
  });
});
