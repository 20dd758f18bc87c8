/** JSON for what is sent: RFC 8259. */
import { httpUsageError } from '../errors.js';

/** `value` as JSON. Throws UsageError for what JSON cannot say: undefined, a function, a cycle, a BigInt. */
export function jsonText(value: unknown): string {
  let text: string | undefined;
  try {
    text = JSON.stringify(value);
  } catch (error) {
    throw httpUsageError('HTTP_JSON', (error as Error).message);
  }
  if (text === undefined) throw httpUsageError('HTTP_JSON', typeof value);
  return text;
}
