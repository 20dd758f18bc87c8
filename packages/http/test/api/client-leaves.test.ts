import type { HTTPRequest } from '@inseam/http';
import { expect } from 'chai';
import { get } from '../support/message.js';
import { wire } from '../support/wire.js';

function watched() {
  const requests: HTTPRequest[] = [];
  const told: string[] = [];
  const far = wire((request) => {
    requests.push(request);
    request.onClose = () => told.push('onClose');
    request.signal.addEventListener('abort', () => told.push('signal'));
  });
  return { ...far, far, requests, told };
}

describe('api: the client leaves', () => {
  it('a lost connection is told by onClose and signal, once', async () => {
    const { far, exchange, client, requests, told } = watched();
    await exchange(get());
    client.abort();
    await far.settle();
    expect(told).to.deep.equal(['onClose', 'signal']);
    expect(far.connection.currentRequest).to.equal(null);
    expect(requests[0]?.send('x'), 'nobody reads it').to.equal(false);
    await requests[0]?.drained();
    requests[0]?.finish();
  });

  it('a client that shuts its side is told of, and may still be answered', async () => {
    const { far, exchange, client, requests, told, take } = watched();
    await exchange(get());
    client.end();
    await far.settle();
    expect(told).to.deep.equal(['onClose', 'signal']);
    requests[0]?.sendResponse('still there?');
    expect(await take()).to.match(/still there\?$/);
    expect(far.ended).to.equal(true);
    expect(told).to.have.length(2);
  });

  it('a client that shuts its side right behind its requests gets all answers', async () => {
    const { far, send, client, requests, told, take } = watched();
    send(get('/1') + get('/2'));
    client.end();
    await far.settle();
    requests[0]?.sendResponse('one');
    await far.settle();
    requests[1]?.sendResponse('two');
    expect(await take()).to.match(/one[\s\S]*two$/);
    expect(far.ended).to.equal(true);
    expect(told, 'both handlers are told').to.deep.equal(['onClose', 'signal', 'onClose', 'signal']);
  });

  it('a response that was finished at once is not told of an end that came before it', async () => {
    const told: string[] = [];
    const waiting: HTTPRequest[] = [];
    const far = wire((request) => {
      request.onClose = () => told.push(request.url);
      if (request.url === '/1') waiting.push(request);
      else request.finish();
    });
    far.send(get('/1') + get('/2'));
    far.client.end();
    await far.settle();
    waiting[0]?.finish();
    await far.settle();
    expect(told).to.deep.equal(['/1']);
  });

  it('a response cut short because nobody reads it is no mistake', async () => {
    const requests: HTTPRequest[] = [];
    const far = wire((request) => {
      requests.push(request);
      request.sendHeaders({ 'Content-Length': 10 });
    });
    await far.exchange(get());
    far.client.abort();
    await far.settle();
    expect(() => requests[0]?.finish()).not.to.throw();
  });

  it('after the response nothing is told', async () => {
    const { far, exchange, client, requests, told } = watched();
    await exchange(get());
    requests[0]?.sendResponse('');
    client.abort();
    await far.settle();
    expect(told).to.deep.equal([]);
    expect(requests[0]?.signal.aborted).to.equal(false);
  });

  it('a signal that is asked for too late is aborted already', async () => {
    const requests: HTTPRequest[] = [];
    const far = wire((request) => requests.push(request));
    await far.exchange(get());
    far.client.abort();
    await far.settle();
    expect(requests[0]?.signal.aborted).to.equal(true);
    expect(requests[0]?.signal).to.equal(requests[0]?.signal);
  });

  it('an onClose that throws is reported', async () => {
    const far = wire((request) => {
      request.onClose = () => {
        throw new Error('x');
      };
    });
    await far.exchange(get());
    far.client.abort();
    await far.settle();
    expect(far.log.entries.map(({ message }) => message)).to.deep.equal([
      'HTTPConnection.request.onClose threw',
    ]);
  });

  it('requests behind the current one are forgotten', async () => {
    const { far, exchange, client, requests } = watched();
    await exchange(get('/1') + get('/2'));
    client.abort();
    await far.settle();
    requests[0]?.finish();
    await far.settle();
    expect(requests.map(({ url }) => url)).to.deep.equal(['/1']);
  });

  it('onClose that is set after the client has left is called at once', async () => {
    const { far, exchange, client, requests } = watched();
    await exchange(get());
    client.abort();
    await far.settle();
    let calls = 0;
    const request = requests[0];
    if (request) request.onClose = () => calls++;
    expect(calls).to.equal(1);
  });

  it('what a handler throws because of it is no error', async () => {
    const far = wire(
      (request) =>
        new Promise((_, reject) => {
          request.signal.addEventListener('abort', () => reject(request.signal.reason));
        }),
    );
    await far.exchange(get());
    far.client.abort();
    await far.settle();
    expect(far.log.entries.map(({ level }) => level)).to.deep.equal(['debug']);
  });

  it('any other failure after the client has left is an error as ever', async () => {
    let fail = () => {};
    const far = wire(
      () =>
        new Promise((_, reject) => {
          fail = () => reject(new TypeError('a mistake'));
        }),
    );
    await far.exchange(get());
    far.client.abort();
    await far.settle();
    fail();
    await far.settle();
    expect(far.log.entries.map(({ level }) => level)).to.deep.equal(['error']);
  });
});
