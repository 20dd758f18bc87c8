/** Opens as many connections as it is told and keeps them; says so when they stand. lib/idle-work.mjs starts it. */
import { once } from 'node:events';
import { connect } from 'node:net';

/** Fewer than any server lets wait. */
const AT_ONCE = 100;

const { port, connections } = JSON.parse(process.argv[2] ?? '{}');

for (let open = 0; open < connections; open += AT_ONCE) {
  const batch = Array.from({ length: Math.min(AT_ONCE, connections - open) }, async () => {
    const socket = connect({ port, host: '127.0.0.1' });
    await once(socket, 'connect');
    socket.on('close', () => fail('the server closed a connection'));
    socket.on('error', (error) => fail(error.message));
  });
  await Promise.all(batch);
}
console.log(`OPEN ${connections}`);

/** @param {string} reason */
function fail(reason) {
  console.error(reason);
  process.exit(1);
}
