/** One event of text/event-stream as it is sent: WHATWG HTML §9.2.6. Pure. */
import { httpUsageError } from '../errors.js';

export interface EventFields {
  readonly data: string;
  readonly event?: string | undefined;
  readonly id?: string | undefined;
  /** Milliseconds. */
  readonly retry?: number | undefined;
}

const LINE_END = /\r\n|\r|\n/;
const NOT_IN_FIELD = /[\0\r\n]/;

/** Throws UsageError for a name or id that would end its line, and for a retry that is no whole number. */
export function eventText({ data, event, id, retry }: EventFields): string {
  let text = '';
  if (event !== undefined) text += `event: ${requireLine('event', event)}\n`;
  if (id !== undefined) text += `id: ${requireLine('id', id)}\n`;
  if (retry !== undefined) text += retryLine(retry);
  for (const line of data.split(LINE_END)) text += `data: ${line}\n`;
  return `${text}\n`;
}

/** How long the client is to wait before it connects again, in milliseconds. */
export function retryLine(retry: number): string {
  if (!(Number.isSafeInteger(retry) && retry >= 0)) throw httpUsageError('HTTP_EVENT', `retry: ${retry}`);
  return `retry: ${retry}\n`;
}

function requireLine(field: string, text: string): string {
  if (typeof text !== 'string' || NOT_IN_FIELD.test(text)) {
    throw httpUsageError('HTTP_EVENT', `${field}: ${JSON.stringify(text)}`);
  }
  return text;
}
