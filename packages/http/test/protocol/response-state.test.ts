import { UsageError } from '@inseam/engine';
import { expect } from 'chai';
import {
  after,
  RESPONSE_STATES,
  type ResponseState,
  type ResponseStep,
} from '#http/protocol/response-state.js';

/** Every pair: the next state, or the code of the refusal. */
const table: Record<ResponseState, Record<ResponseStep, string>> = {
  start: { status: 'status', headers: 'content', content: 'content', finish: 'finished' },
  status: { status: 'HTTP_ORDER', headers: 'content', content: 'content', finish: 'finished' },
  content: { status: 'HTTP_ORDER', headers: 'HTTP_ORDER', content: 'content', finish: 'finished' },
  lent: { status: 'HTTP_ORDER', headers: 'HTTP_ORDER', content: 'HTTP_ORDER', finish: 'HTTP_ORDER' },
  finished: {
    status: 'HTTP_FINISHED',
    headers: 'HTTP_FINISHED',
    content: 'HTTP_FINISHED',
    finish: 'HTTP_FINISHED',
  },
};

describe('protocol: response state', () => {
  for (const [state, steps] of Object.entries(table) as [ResponseState, Record<ResponseStep, string>][]) {
    for (const [step, outcome] of Object.entries(steps) as [ResponseStep, string][]) {
      it(`${step} after ${state}: ${outcome}`, () => {
        if (outcome.startsWith('HTTP_')) {
          expect(() => after(state, step))
            .to.throw(UsageError, `${step} after ${state}`)
            .with.property('code', outcome);
        } else expect(after(state, step)).to.equal(outcome);
      });
    }
  }

  it('has no other states and steps', () => {
    expect(Object.keys(RESPONSE_STATES)).to.deep.equal(Object.keys(table));
    for (const steps of Object.values(RESPONSE_STATES)) {
      for (const step of Object.keys(steps)) expect(Object.keys(table.start)).to.include(step);
    }
  });
});
