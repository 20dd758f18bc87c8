/** Opens as many connections as it is told and keeps them; says so when they stand. lib/idle-work.mjs starts it. */
import { LoadConnection, openAll } from './load-connection.mjs';

const NOTHING = Buffer.alloc(0);

const { port, connections, opening } = JSON.parse(process.argv[2] ?? '{}');

await openAll(
  connections,
  (_, opened) => new LoadConnection({ port, opening, reply: NOTHING, opened, replied() {}, failed }),
);
console.log(`OPEN ${connections}`);

/** @param {string} reason */
function failed(reason) {
  console.error(reason);
  process.exit(1);
}
