import { expect } from 'chai';
import { RawClient } from './support/raw-client.js';
import { RunningExample } from './support/running-example.js';

describe('02-line-echo', () => {
  it('answers lines however they are cut, and ends at "bye"', async () => {
    await using echo = await RunningExample.start('02-line-echo');
    const client = await RawClient.connect(echo.port);
    await client.read(/Say something\.\n/);
    client.write('one\r\ntw');
    await client.read(/ONE\n/);
    client.write('o\nbye\nnever\n');
    expect(await client.readToEnd()).to.equal('Say something.\nONE\nTWO\nBYE\n');
    client.socket.end();
    echo.interrupt();
    expect(await echo.ended()).to.equal(0);
  });

  it('serves several clients at once', async () => {
    await using echo = await RunningExample.start('02-line-echo');
    const clients = await Promise.all(Array.from({ length: 20 }, () => RawClient.connect(echo.port)));
    for (const [i, client] of clients.entries()) client.write(`client ${i}\n`);
    const answers = await Promise.all(clients.map((client) => client.read(/CLIENT \d+\n/)));
    expect(answers).to.deep.equal(clients.map((_, i) => `Say something.\nCLIENT ${i}\n`));
    for (const client of clients) client.socket.destroy();
  });
});
