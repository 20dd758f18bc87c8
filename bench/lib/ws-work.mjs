/** WebSocket works: frames that are written down beforehand, sent by lib/tcp-client.mjs or lib/broadcast-client.mjs. */
import { CONNECTIONS, loadWork } from './load-work.mjs';
import { OTHER_FILES, tooFewFiles } from './machine.mjs';
import { exchange, tcpLoad } from './tcp-load.mjs';
import { batchP99 } from './tcp-work.mjs';
import { BINARY, clientFrame, OPENING, serverFrame, TEXT } from './ws-frames.mjs';

const SERVERS = { servers: ['inseam', 'ws'], baseline: 'ws' };

/** The client's p99 is the time until the last member has the message. */
const BROADCAST_P99 = 'p99: of a broadcast until its last member has it.';

/**
 * An echo; half of the connections send text, the other half binary messages.
 *
 * @param {object} parts
 * @param {string} parts.name
 * @param {string} parts.title
 * @param {number} parts.bytes
 * @param {number} [parts.batch] How many of them are sent at once.
 */
export function wsEchoWork({ name, title, bytes, batch = 1 }) {
  const exchanges = [
    exchangeOf(TEXT, textOf(bytes), batch),
    exchangeOf(BINARY, Buffer.from(textOf(bytes).map((byte) => byte | 0x80)), batch),
  ];
  return loadWork({
    ...SERVERS,
    name,
    title,
    unit: 'message',
    app: 'ws-echo',
    without: {},
    notes: batch > 1 ? [batchP99('message')] : [],
    load: (options) => tcpLoad({ ...options, connections: CONNECTIONS, opening: OPENING, exchanges, batch }),
  });
}

/**
 * One member's text goes to all.
 *
 * @param {object} parts
 * @param {string} parts.name
 * @param {string} parts.title
 * @param {number} parts.bytes
 * @param {number} parts.members
 * @param {number} [parts.batch] How many texts it sends at once.
 */
export function wsBroadcastWork({ name, title, bytes, members, batch = 1 }) {
  const reason = tooFewFiles(members + OTHER_FILES);
  const exchanges = [exchangeOf(TEXT, textOf(bytes), batch)];
  return loadWork({
    ...SERVERS,
    name,
    title,
    unit: 'delivery',
    app: 'ws-broadcast',
    connections: members,
    without: reason === null ? {} : Object.fromEntries(SERVERS.servers.map((server) => [server, reason])),
    notes: [BROADCAST_P99],
    load: (options) =>
      tcpLoad({
        ...options,
        client: 'broadcast-client',
        connections: members,
        opening: OPENING,
        exchanges,
        batch,
      }),
  });
}

/**
 * @param {number} opcode
 * @param {Buffer} payload
 * @param {number} [batch]
 */
function exchangeOf(opcode, payload, batch) {
  return exchange(clientFrame(opcode, payload), serverFrame(opcode, payload), batch);
}

/** @param {number} length */
function textOf(length) {
  return Buffer.from(
    'The quick brown fox jumps over the lazy dog. '.repeat(length / 45 + 1).slice(0, length),
  );
}
