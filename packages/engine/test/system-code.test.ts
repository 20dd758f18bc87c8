import { Server, TransportError } from '@inseam/engine';
import { transportError } from '@inseam/engine/errors';
import { expect } from 'chai';
import { checkedEngines } from './support/checked-engines.js';
import { closedPort, Dialler, listenFor, outcome } from './support/dialler.js';

describe('TransportError.systemCode', () => {
  const newEngine = checkedEngines();

  const causes: { name: string; error: TransportError; code: string | undefined }[] = [
    {
      name: 'the code of the cause',
      error: transportError(
        'ENGINE_CONNECTION_LOST',
        Object.assign(new Error('read'), { code: 'ECONNRESET' }),
      ),
      code: 'ECONNRESET',
    },
    { name: 'undefined without a cause', error: transportError('ENGINE_ENDED'), code: undefined },
    {
      name: 'undefined for a cause without a code',
      error: transportError('ENGINE_SEND_FAILED', new Error('no')),
      code: undefined,
    },
    {
      name: 'undefined for a code that is no text',
      error: transportError('ENGINE_SEND_FAILED', Object.assign(new Error('no'), { code: 5 })),
      code: undefined,
    },
    {
      name: 'undefined for a cause that is no Error',
      error: new TransportError('X', 'x', 'read', { cause: { code: 'EPIPE' } }),
      code: undefined,
    },
  ];
  for (const { name, error, code } of causes) {
    it(`is ${name}`, () => {
      expect(error.systemCode).to.equal(code);
    });
  }

  it('is ECONNREFUSED where nobody listens', async () => {
    const { engine } = newEngine();
    const stream = new Dialler({ engine }).connect(['127.0.0.1', await closedPort()]);
    await stream.log.until('close');
    expect((stream.error as TransportError).systemCode).to.equal('ECONNREFUSED');
  });

  it('is ECONNRESET for a connection that the peer has reset', async () => {
    const { engine } = newEngine();
    const { port, sockets } = await listenFor();
    const stream = await new Dialler({ engine }).connect(['127.0.0.1', port]).opened();
    while (sockets.length === 0) await new Promise((resolve) => setImmediate(resolve));
    sockets[0]?.resetAndDestroy();
    await stream.log.until('close');
    expect((stream.reason as TransportError).systemCode).to.equal('ECONNRESET');
  });

  it('is EADDRINUSE where somebody listens already', async () => {
    const { engine } = newEngine();
    const first = await new Server({ engine }).listen(['127.0.0.1', 0]);
    const error = await outcome(new Server({ engine }).listen(['127.0.0.1', first.port ?? 0]));
    expect((error as TransportError).systemCode).to.equal('EADDRINUSE');
  });
});
