import { expect } from 'chai';
import { itWith, runTool } from './support/debian-tool.js';
import { RawClient } from './support/raw-client.js';
import { RunningExample } from './support/running-example.js';

describe('03-stream-response', () => {
  let example: RunningExample;
  before(async () => {
    example = await RunningExample.start('03-stream-response');
  });
  after(() => example[Symbol.asyncDispose]());

  itWith('curl', 'is read by curl, chunked, and whole', async () => {
    const output = await runTool('curl', ['-sS', '-i', `${example.url}/?lines=3`]);
    expect(output).to.match(/Transfer-Encoding: chunked\r\n/);
    expect(output).to.match(/\r\n\r\nline 1 of 3\nline 2 of 3\nline 3 of 3\n$/);
  });

  it("is read by node's fetch, however long", async () => {
    const text = await (await fetch(`${example.url}/?lines=200000`)).text();
    expect(text.split('\n')).to.have.lengthOf(200_001);
    expect(text).to.match(/line 200000 of 200000\n$/);
  });

  it('is delimited by the end of the connection for an HTTP/1.0 client', async () => {
    const client = await RawClient.connect(example.port);
    client.write('GET /?lines=1 HTTP/1.0\r\n\r\n');
    const answer = await client.readToEnd();
    expect(answer).not.to.match(/Transfer-Encoding/);
    expect(answer).to.match(/\r\n\r\nline 1 of 1\n$/);
    client.socket.end();
  });

  it('answers a bad question with 400', async () => {
    const response = await fetch(`${example.url}/?lines=many`);
    expect([response.status, await response.text()]).to.deep.equal([400, 'lines must be a number\n']);
  });

  it('goes on serving when a client leaves in the middle', async () => {
    const client = await RawClient.connect(example.port);
    client.write('GET /?lines=100000000 HTTP/1.1\r\nHost: a\r\n\r\n');
    await client.read(/line 1 of/);
    client.socket.destroy();
    expect((await fetch(`${example.url}/?lines=1`)).status).to.equal(200);
  });

  it('at Ctrl-C, sends a response that has begun to its end', async () => {
    await using stopping = await RunningExample.start('03-stream-response');
    const client = await RawClient.connect(stopping.port);
    client.socket.pause();
    client.write('GET /?lines=300000 HTTP/1.1\r\nHost: a\r\n\r\n');
    const probe = await RawClient.connect(stopping.port);
    probe.write('GET /?lines=1 HTTP/1.1\r\nHost: a\r\n\r\n');
    await probe.read(/line 1 of 1/);
    stopping.interrupt();
    await probe.readToEnd();
    client.socket.resume();
    expect(await client.readToEnd()).to.match(/line 300000 of 300000\n\r\n0\r\n\r\n$/);
    client.socket.end();
    expect(await stopping.ended()).to.equal(0);
  });
});
