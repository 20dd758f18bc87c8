import { readFileSync } from 'node:fs';
import * as websocket from '@inseam/websocket';
import { expect } from 'chai';

/** What `index.ts` exports; `type` marks what exists for the compiler only. A change here is a change of the API. */
const EXPORTS = [
  'type Bus',
  'type ConnectOptions',
  'type DeflateOptions',
  'ENTIRE_MESSAGE',
  'Group',
  'type GroupOptions',
  'type GroupWriteOptions',
  'type HandshakeAnswer',
  'type MessageDelimiter',
  'type Origins',
  'type ServerWebSocketOptions',
  'type SlowReader',
  'WEBSOCKET_ERRORS',
  'WEBSOCKET_LIMITS',
  'WebSocket',
  'type WebSocketClass',
  'type WebSocketErrorCode',
  'type WebSocketErrorEntry',
  'WebSocketHandshakeError',
  'type WebSocketLimits',
  'type WebSocketOptions',
  'WebSocketProtocolError',
  'upgrade',
  'webSocketHandler',
];

const bare = (name: string) => name.replace('type ', '');

describe('exports', () => {
  it('are these', () => {
    const source = readFileSync(new URL('../../src/index.ts', import.meta.url), 'utf8');
    const names = [...source.matchAll(/^export (type )?\{([^}]*)\}/gm)].flatMap(([, isType, list]) =>
      (list ?? '')
        .split(',')
        .map((name) => name.trim())
        .filter((name) => name !== '')
        .map((name) => (isType ? `type ${name}` : name)),
    );
    const byName = (a: string, b: string) => (bare(a) < bare(b) ? -1 : 1);
    expect(names.sort(byName)).to.deep.equal(EXPORTS);
  });

  it('are there at run time', () => {
    expect(Object.keys(websocket).sort()).to.deep.equal(
      EXPORTS.filter((name) => !name.startsWith('type ')).sort(),
    );
  });
});
