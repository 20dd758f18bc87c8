import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { temporaryPaths } from '../support/echo-server.js';
import type { Findings } from '../support/many-connections-app.js';

const APP = fileURLToPath(new URL('../support/many-connections-app.js', import.meta.url));
const CONNECTIONS = 10_000;
/** The same in every run; another one finds other mixtures. */
const SEED = Number(process.env.SEED ?? 1);

describe('ten thousand connections that open and die at random', () => {
  if (process.platform !== 'linux') return;
  const newPath = temporaryPaths();

  it('leave no channel, timer or descriptor behind, and are each closed once', async function () {
    this.timeout(60_000);
    const folder = newPath('.');
    spawnSync('openssl', [
      ...[
        'req',
        '-x509',
        '-newkey',
        'ec',
        '-pkeyopt',
        'ec_paramgen_curve:prime256v1',
        '-nodes',
        '-days',
        '2',
      ],
      ...['-subj', '/CN=localhost', '-keyout', newPath('key.pem'), '-out', newPath('cert.pem')],
    ]);
    const child = spawn(process.execPath, [APP, String(SEED), String(CONNECTIONS), folder], {
      stdio: ['ignore', 'pipe', 'inherit'],
      timeout: 60_000,
      killSignal: 'SIGKILL',
    });
    let output = '';
    child.stdout.on('data', (text: Buffer) => {
      output += text;
    });
    const [code] = await once(child, 'close');
    expect(code, output).to.equal(0);
    const findings = JSON.parse(output) as Findings;
    expect(findings.violations).to.deep.equal([]);
    expect(findings).to.include({ channels: 0, timers: 0, serverChannels: 0 });
    expect(findings.closed, 'onClose once for each').to.equal(findings.streams);
    expect(findings.connected).to.be.above(CONNECTIONS);
    expect(findings.before.active, 'handles and requests').to.deep.equal(findings.atStart);
    expect(findings.after.active, 'handles and requests').to.deep.equal(findings.before.active);
    expect(findings.after.descriptors).to.be.at.most(findings.before.descriptors);
    const { TLS, ...ways } = findings.ways;
    expect(Math.min(...Object.values(ways)), 'every way is one of many').to.be.above(50);
    if (TLS !== undefined) expect(TLS).to.be.above(200);
  });
});
