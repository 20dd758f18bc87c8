/** A restart that no client notices: the listening socket is somebody else's, as with systemd, and outlives the application. */
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { ask, until } from '../support/ask.js';
import { itWith } from '../support/debian-tool.js';
import { describeWithNginx, FRONTS, RunningNginx, toolIn } from '../support/running-nginx.js';
import type { RunningTool } from '../support/running-tool.js';

const APP = fileURLToPath(new URL('../../../dist/nginx/app.js', import.meta.url));
const HOLDER = fileURLToPath(new URL('../../support/socket-holder.py', import.meta.url));
const [, { port: OVER_SOCKET }] = FRONTS;

describeWithNginx('examples/nginx, restarted', () => {
  let nginx: RunningNginx;
  let app: RunningTool | undefined;
  before(async () => {
    nginx = await RunningNginx.start();
  });
  after(async () => {
    // Not killed: the holder would leave the application behind.
    app?.end();
    await app?.ended();
    await nginx?.[Symbol.asyncDispose]();
  });

  itWith('python3', 'answers every request, where the socket is systemd’s', async () => {
    const command = ['python3', HOLDER, 'run/app.sock', process.execPath, APP];
    app = toolIn(nginx.directory, command);
    await app.read(/listening/);
    const statuses: number[] = [];
    let isOver = false;
    const visitors = ['GET', 'POST', 'GET', 'POST'].map(async (method) => {
      // nginx may send a GET again, a POST never.
      while (!isOver) statuses.push((await ask(OVER_SOCKET, '/', { method })).status);
    });
    for (let starts = 2; starts <= 3; starts++) {
      const seen = statuses.length;
      await until(() => statuses.length > seen + 20);
      app.write('again\n');
      await app.read(new RegExp(`(?:listening[^]*?){${starts}}`));
    }
    isOver = true;
    await Promise.all(visitors);
    expect(new Set(statuses), nginx.log('error')).to.deep.equal(new Set([200]));
    expect(app.output.match(/stopped/g)).to.have.length(2);
    app.end();
    expect(await app.ended()).to.equal(0);
  });
});
