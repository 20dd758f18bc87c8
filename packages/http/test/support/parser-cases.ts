/** Case tables for the request parser: each case is fed in every way, and with more bytes behind it. */
import { feedEveryWay } from '@inseam/engine/testing';
import type { HTTPLimits } from '@inseam/http';
import { expect } from 'chai';
import { get } from './message.js';
import { type ParsedRequest, parse } from './parse.js';

export interface ParserCase {
  readonly name: string;
  readonly bytes: string;
  /** What is certain of the requests; the code of a refusal; or 'NEED_MORE'. */
  readonly expect: Partial<ParsedRequest> | Partial<ParsedRequest>[] | string;
  readonly limits?: Partial<HTTPLimits>;
}

const NEXT = get('/next');

export function itParses(cases: readonly ParserCase[]): void {
  for (const parserCase of cases) {
    it(`${typeof parserCase.expect === 'string' ? `${parserCase.expect}: ` : ''}${parserCase.name}`, () => {
      check(parserCase, parserCase.bytes, false);
      // What follows changes nothing, and is not lost.
      if (parserCase.expect !== 'NEED_MORE') check(parserCase, parserCase.bytes + NEXT, true);
    });
  }
}

function check({ expect: expected, limits }: ParserCase, bytes: string, hasNext: boolean): void {
  for (const { way, chunks } of feedEveryWay(Buffer.from(bytes, 'latin1'))) {
    const { requests, end } = parse(chunks, limits);
    if (expected === 'NEED_MORE') {
      expect({ end: end === 'head' || end === 'content', requests }, way).to.deep.equal({
        end: true,
        requests: [],
      });
    } else if (typeof expected === 'string') {
      expect({ end, requests }, way).to.deep.equal({ end: expected, requests: [] });
    } else {
      const all = [expected].flat();
      expect(end, way).to.equal('between');
      expect(requests.map(({ target }) => target).at(-1) === '/next', way).to.equal(hasNext);
      expect(requests, way).to.have.length(all.length + (hasNext ? 1 : 0));
      for (const [i, one] of all.entries()) expect(requests[i], way).to.deep.include(one);
    }
  }
}
