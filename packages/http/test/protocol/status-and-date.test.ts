import { STATUS_NAMES } from '@inseam/http';
import { expect } from 'chai';
import { dateLine, httpDate } from '#http/protocol/http-date.js';
import { statusLine, statusName } from '#http/protocol/status.js';

describe('protocol: status', () => {
  it('has a name for every status that the server sends by itself', () => {
    for (const status of [100, 101, 200, 400, 408, 413, 414, 417, 431, 500, 501, 505]) {
      expect(STATUS_NAMES[status], String(status)).to.match(/^[A-Z]/);
    }
  });

  it('writes a status line', () => {
    expect(statusLine(404)).to.equal('HTTP/1.1 404 Not Found\r\n');
  });

  it('writes the space before a reason that is not there: RFC 9112 §4', () => {
    expect(statusName(299)).to.equal('');
    expect(statusLine(299)).to.equal('HTTP/1.1 299 \r\n');
  });

  it('has names of printable ASCII under codes of three digits', () => {
    for (const [code, name] of Object.entries(STATUS_NAMES)) {
      expect(code).to.match(/^[1-5]\d\d$/);
      expect(name).to.match(/^[\x20-\x7e]+$/);
    }
  });
});

describe('protocol: date', () => {
  it('is an IMF-fixdate', () => {
    expect(httpDate(784_111_777_000)).to.equal('Sun, 06 Nov 1994 08:49:37 GMT');
    expect(httpDate(0)).to.equal('Thu, 01 Jan 1970 00:00:00 GMT');
    expect(httpDate(Date.UTC(2028, 1, 29, 23, 59, 59, 999))).to.equal('Tue, 29 Feb 2028 23:59:59 GMT');
  });

  it('changes with the second, forwards and backwards', () => {
    const at = Date.UTC(2026, 0, 1);
    expect(dateLine(at)).to.equal('Date: Thu, 01 Jan 2026 00:00:00 GMT\r\n');
    expect(dateLine(at + 999)).to.equal('Date: Thu, 01 Jan 2026 00:00:00 GMT\r\n');
    expect(dateLine(at + 1000)).to.equal('Date: Thu, 01 Jan 2026 00:00:01 GMT\r\n');
    expect(dateLine(at - 1)).to.equal('Date: Wed, 31 Dec 2025 23:59:59 GMT\r\n');
  });
});
