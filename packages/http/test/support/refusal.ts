/** What a client that breaks a rule gets: RFC 9112 §9.6 and the error table. */
import { HTTP_ERRORS, type HTTPErrorCode, type HTTPServerOptions, STATUS_NAMES } from '@inseam/http';
import { expect } from 'chai';
import { message } from './message.js';
import { type Wire, wire } from './wire.js';

/**
 * Checks that `answer` is a refusal and nothing else, that the connection was shut behind it, and that the cause
 * is in the log. Answers `400 HTTP_HOST`, say.
 */
export function readRefusal({ log, ended }: Wire, answer: string): string {
  const code = log.codes.at(-1) as HTTPErrorCode;
  const status = Number(answer.slice(9, 12));
  const name = STATUS_NAMES[status];
  const content = `${status} ${name}: ${HTTP_ERRORS[code]?.message}\n`;
  expect(answer).to.equal(message`
    HTTP/1.1 ${status} ${name}
    Content-Type: text/plain; charset=utf-8
    Content-Length: ${content.length}
    Date: now
    Connection: close

    ${content}`);
  expect(ended, 'the connection is shut').to.equal(true);
  return `${status} ${code}`;
}

/** One test: a server refuses `bytes`, and no handler hears of them. `answer` is status and code. */
export function itRefuses(
  title: string,
  bytes: string,
  answer: string,
  options: HTTPServerOptions = {},
): void {
  it(`refuses ${title}`, async () => {
    let handled = 0;
    const far = wire(() => handled++, options);
    expect(readRefusal(far, await far.exchange(bytes))).to.equal(answer);
    expect(handled, 'requests handled').to.equal(0);
  });
}
