/** `pnpm bench`: every server does every work in turns; the medians are printed. See README.md. */
import { installPeers, peerVersion } from './lib/install.mjs';
import { CannotRun, chooseCores, describeMachine, requireTools, versionOf } from './lib/machine.mjs';
import { readOptions, USAGE } from './lib/options.mjs';
import { Progress } from './lib/progress.mjs';
import { table } from './lib/table.mjs';
import { takeTurn } from './lib/turn.mjs';
import { WORKS } from './work/index.mjs';

const WARM_UP_SECONDS = 1;

async function main() {
  const options = readOptions(process.argv.slice(2), WORKS);
  if (options.help) {
    console.log(USAGE);
    return;
  }
  requireTools();
  const cores = chooseCores();
  installPeers();
  const nginx = versionOf('nginx', '-v');
  /** @type {Record<string, string>} */
  const absent = nginx === null ? { nginx: 'not installed (on Debian: apt-get install nginx-light)' } : {};

  const { rounds, seconds, works, peers } = options;
  const peerVersions = [
    `Fastify ${peerVersion('fastify')}`,
    `ws ${peerVersion('ws')}`,
    ...(nginx === null ? [] : [nginx.replace('nginx version: ', '')]),
  ];
  console.log(describeMachine(cores, peerVersions));
  console.log(`Medians of ${rounds} × ${seconds} s, in turns, each after a warm-up of ${WARM_UP_SECONDS} s`);
  if (options.quick) console.log('Quick: the figures are noise.');

  const plans = works.flatMap((work) => {
    const reasons = { ...work.without, ...absent };
    const chosen = work.servers.filter((name) => peers.includes(name));
    const able = chosen.filter((name) => !(name in reasons));
    return chosen.length === 0 ? [] : [{ work, reasons, chosen, able }];
  });
  if (plans.length === 0) throw new CannotRun('None of these servers does any of these works.');
  const turns = rounds * plans.reduce((sum, { able }) => sum + able.length, 0);
  const progress = new Progress(turns, WARM_UP_SECONDS + seconds);

  for (const { work, reasons, chosen, able } of plans) {
    /** @type {Map<string, any[]>} */
    const samples = new Map(chosen.map((name) => [name, []]));
    for (let round = 1; round <= rounds; round++) {
      for (const name of able) {
        progress.turn(`${work.name} ${name}, round ${round} of ${rounds}`);
        const sample = await takeTurn(work, name, { seconds, warmUpSeconds: WARM_UP_SECONDS, cores });
        samples.get(name)?.push(sample);
      }
    }
    progress.clear();
    console.log(`\n${table(work, samples, reasons)}`);
  }
}

try {
  await main();
} catch (error) {
  console.error(
    `\n${error instanceof CannotRun ? error.message : error instanceof Error ? error.message : error}`,
  );
  process.exitCode = 1;
}
