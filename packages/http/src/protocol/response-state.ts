/** What a response may do next, as a table. Pure. */
import { httpUsageError } from '../errors.js';

/** 'lent' is for a response that somebody else than the handler sends, piece by piece. */
export type ResponseState = 'start' | 'status' | 'content' | 'lent' | 'finished';
export type ResponseStep = 'status' | 'headers' | 'content' | 'finish';

/** The state after each step; a step that is not there is a mistake of the handler's. */
export const RESPONSE_STATES: Readonly<
  Record<ResponseState, Readonly<Partial<Record<ResponseStep, ResponseState>>>>
> = Object.freeze({
  start: { status: 'status', headers: 'content', content: 'content', finish: 'finished' },
  status: { headers: 'content', content: 'content', finish: 'finished' },
  content: { content: 'content', finish: 'finished' },
  lent: {},
  finished: {},
});

/** The state after `step`; throws UsageError where the table has none. */
export function after(state: ResponseState, step: ResponseStep): ResponseState {
  const next = RESPONSE_STATES[state][step];
  if (next !== undefined) return next;
  throw httpUsageError(state === 'finished' ? 'HTTP_FINISHED' : 'HTTP_ORDER', `${step} after ${state}`);
}
