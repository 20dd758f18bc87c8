import { UsageError } from '@inseam/engine';
import { expect } from 'chai';
import { get, message } from '../support/message.js';
import { wire } from '../support/wire.js';

describe('api: sendJSON', () => {
  it('sends a value with its type', async () => {
    const answer = await wire((request) => request.sendJSON({ ä: [1, null] })).exchange(get());
    expect(answer).to.equal(message`
      HTTP/1.1 200 OK
      Content-Type: application/json
      Content-Length: 15
      Date: now

      ${Buffer.from('{"ä":[1,null]}').toString('latin1')}`);
  });

  it('takes a status', async () => {
    const answer = await wire((request) => request.sendJSON(null, 422)).exchange(get());
    expect(answer).to.match(/^HTTP\/1\.1 422 [\s\S]*\r\n\r\nnull$/);
  });

  it('takes headers, among them another type', async () => {
    const made = wire((request) => request.sendJSON({}, 201, { Location: '/things/1' }));
    expect(await made.exchange(get())).to.match(
      /^HTTP\/1\.1 201 Created\r\nLocation: \/things\/1\r\nContent-Type: application\/json\r\n/,
    );
    const typed = wire((request) =>
      request.sendJSON({}, 400, { 'Content-Type': 'application/problem+json' }),
    );
    expect(await typed.exchange(get())).to.match(
      /\r\nContent-Type: application\/problem\+json\r\n(?!Content-Type)/,
    );
  });

  const cycle: unknown[] = [];
  cycle.push(cycle);
  const bad: [string, unknown][] = [
    ['undefined', undefined],
    ['a function', () => {}],
    ['a symbol', Symbol('x')],
    ['a BigInt', 1n],
    ['a cycle', cycle],
  ];
  for (const [what, value] of bad) {
    it(`refuses ${what}, with nothing sent`, async () => {
      const answer = await wire((request) => {
        expect(() => request.sendJSON(value))
          .to.throw(UsageError)
          .with.property('code', 'HTTP_JSON');
        request.sendResponse('still here');
      }).exchange(get());
      expect(answer).to.match(/^HTTP\/1\.1 200 OK\r\n[\s\S]*still here$/);
    });
  }
});
