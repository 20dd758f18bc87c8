import { expect } from 'chai';
import { get, post } from '../support/message.js';
import { parse } from '../support/parse.js';
import { itParses } from '../support/parser-cases.js';

describe('protocol: several requests', () => {
  itParses([
    {
      name: 'of every framing follow each other',
      bytes:
        get('/one') +
        post('5\r\nhello\r\n0\r\nX: y\r\n\r\n', 'Transfer-Encoding: chunked') +
        post('world', 'Content-Length: 5') +
        get('/four'),
      expect: [
        { target: '/one', body: '', trailers: null },
        { method: 'POST', body: 'hello', trailers: [['X', 'y']] },
        { method: 'POST', body: 'world', trailers: null },
        { target: '/four' },
      ],
    },
    {
      name: 'one empty line may stand before each',
      bytes: `${get('/one')}\r\n${get('/two')}\r\n`,
      expect: [{ target: '/one' }, { target: '/two' }],
    },
  ]);

  it('begin with one empty line at most, each', () => {
    expect(parse([Buffer.from(`${get()}\r\n\r\n${get()}`)]).end).to.equal('HTTP_REQUEST_LINE');
  });

  it('each have their Host checked', () => {
    const { requests, end } = parse([Buffer.from(get() + get().replace('example.com', 'a b'))]);
    expect([requests.length, end]).to.deep.equal([1, 'HTTP_HOST']);
  });
});
