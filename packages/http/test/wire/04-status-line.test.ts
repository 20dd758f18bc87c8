import { expect } from 'chai';
import { get } from '../support/message.js';
import { wire } from '../support/wire.js';

describe('RFC 9112 §4 Status Line', () => {
  const statusLine = async (status: number) => {
    const answer = await wire((request) => request.sendResponse('', status)).exchange(get());
    return answer.slice(0, answer.indexOf('\r\n'));
  };

  it('is version, status and reason', async () => {
    expect(await statusLine(200)).to.equal('HTTP/1.1 200 OK');
    expect(await statusLine(404)).to.equal('HTTP/1.1 404 Not Found');
  });

  it('keeps the space before a reason that is empty', async () => {
    expect(await statusLine(299)).to.equal('HTTP/1.1 299 ');
  });
});
