import type { HTTPHeaders, HTTPRequest } from '@inseam/http';
import { WebSocket, webSocketHandler } from '@inseam/websocket';
import { expect } from 'chai';
import { answerTo } from '../support/answer.js';
import { handshake, socketWire, wire } from '../support/wire.js';

/** Chooses for itself. */
function choosing(...names: string[]) {
  return class Choosing extends WebSocket {
    override onHandshake(_request: HTTPRequest, headers: HTTPHeaders): void {
      for (const name of names) headers.append('sec-websocket-protocol', name);
    }
  };
}

describe('api: subprotocols', () => {
  const cases: { name: string; ours: string[]; offered: string[]; chosen: string }[] = [
    { name: 'the only one', ours: ['chat'], offered: ['chat'], chosen: 'chat' },
    { name: 'the first of ours', ours: ['b', 'a'], offered: ['a, b'], chosen: 'b' },
    { name: 'the first of ours that is offered', ours: ['x', 'b', 'a'], offered: ['a,b'], chosen: 'b' },
    { name: 'one from a second line', ours: ['b'], offered: ['a', 'b'], chosen: 'b' },
    { name: 'none where none is common', ours: ['x'], offered: ['a, b'], chosen: '' },
    { name: 'none where none is offered', ours: ['x'], offered: [], chosen: '' },
    { name: 'none where we have none', ours: [], offered: ['a'], chosen: '' },
    { name: 'none that differs in case', ours: ['Chat'], offered: ['chat'], chosen: '' },
    {
      name: 'one of every character of a token',
      ours: ["!#$%&'*+-.^_`|~"],
      offered: ["!#$%&'*+-.^_`|~"],
      chosen: "!#$%&'*+-.^_`|~",
    },
  ];
  for (const { name, ours, offered, chosen } of cases) {
    it(`chooses ${name}`, async () => {
      const lines = offered.map((names) => `Sec-WebSocket-Protocol: ${names}`);
      const { answer, socket } = await socketWire(WebSocket, { protocols: ours, lines });
      expect(socket.protocol).to.equal(chosen);
      const said = /\r\nSec-WebSocket-Protocol: (.*)\r\n/.exec(answer)?.[1] ?? '';
      expect(said).to.equal(chosen);
      if (chosen === '') expect(answer).not.to.match(/protocol:/i);
    });
  }

  it('onHandshake’s choice goes before the list', async () => {
    const lines = ['Sec-WebSocket-Protocol: a, b'];
    const { answer, socket } = await socketWire(choosing('b'), { protocols: ['a'], lines });
    expect(socket.protocol).to.equal('b');
    expect(answer.match(/sec-websocket-protocol: b/gi)).to.have.length(1);
  });

  it('onHandshake chooses none by an empty one', async () => {
    const lines = ['Sec-WebSocket-Protocol: a'];
    const { answer, socket } = await socketWire(choosing(''), { protocols: ['a'], lines });
    expect(socket.protocol).to.equal('');
    expect(answer).not.to.match(/protocol:/i);
  });

  for (const names of [['c'], ['a', 'b'], ['A'], ['a, b']]) {
    it(`500 for ${names.join(' and ')}, which the client did not offer`, async () => {
      const far = wire(webSocketHandler(choosing(...names)));
      const answer = await answerTo(far, handshake('Sec-WebSocket-Protocol: a, b'));
      expect([answer.status, far.log.codes]).to.deep.equal([500, ['WEBSOCKET_PROTOCOL']]);
      expect(far.connection.currentRequest).to.equal(null);
    });
  }

  it('500 for a choice where the client offered nothing', async () => {
    const far = wire(webSocketHandler(choosing('a')));
    expect((await answerTo(far, handshake())).status).to.equal(500);
  });
});
