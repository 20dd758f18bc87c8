/**
 * The load generator of the works that are not HTTP: a process of its own, which lib/tcp-load.mjs starts. Every
 * connection sends its segment, waits for the whole reply, and sends again. Each reply is compared.
 */
import { LoadConnection, openAll } from './load-connection.mjs';
import { LoadMeter } from './load-meter.mjs';

const { port, pids, connections, seconds, batch, opening, exchanges } = JSON.parse(process.argv[2] ?? '{}');
const meter = new LoadMeter(pids);
const pairs = exchanges.map((/** @type {import('./load-connection.mjs').Exchange} */ { segment, reply }) => ({
  segment: Buffer.from(segment, 'base64'),
  reply: Buffer.from(reply, 'base64'),
}));
let finished = 0;

/** @type {(() => void)[]} */
const senders = [];
await openAll(connections, (index, opened) => {
  const { segment, reply } = pairs[index % pairs.length];
  let sent = 0;
  const send = () => {
    sent = performance.now();
    connection.expect();
    connection.write(segment);
  };
  const replied = () => {
    if (meter.isOver) {
      if (++finished === connections) meter.finish(batch);
      return;
    }
    meter.note(performance.now() - sent);
    send();
  };
  const failed = (/** @type {string} */ reason) => meter.fail(reason);
  const connection = new LoadConnection({ port, opening, reply, opened, replied, failed });
  senders.push(send);
  return connection;
});

meter.begin(seconds);
for (const send of senders) send();
setTimeout(() => meter.end(), seconds * 1_000);
