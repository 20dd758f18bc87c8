/**
 * The load generator of a broadcast: a process of its own, which lib/tcp-load.mjs starts. The first connection sends
 * the message, everyone must get it, and when the last has it comes the next. Each reply is compared.
 */
import { LoadConnection, openAll } from './load-connection.mjs';
import { LoadMeter } from './load-meter.mjs';

const { port, pids, connections, seconds, opening, exchanges, batch } = JSON.parse(process.argv[2] ?? '{}');
const meter = new LoadMeter(pids);
const segment = Buffer.from(exchanges[0].segment, 'base64');
const reply = Buffer.from(exchanges[0].reply, 'base64');
let left = 0;
let sent = 0;

const all = await openAll(
  connections,
  (_, opened) => new LoadConnection({ port, opening, reply, opened, replied, failed }),
);
meter.begin(seconds);
broadcast();

function broadcast() {
  left = connections;
  sent = performance.now();
  for (const connection of all) connection.expect();
  all[0]?.write(segment);
}

function replied() {
  if (--left > 0) return;
  meter.note(performance.now() - sent);
  if (meter.elapsedMs < seconds * 1_000) return broadcast();
  meter.end();
  meter.finish(connections * batch);
}

/** @param {string} reason */
function failed(reason) {
  meter.fail(reason);
}
