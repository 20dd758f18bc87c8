/** What `readDelimiter` may be, and its one check. */
import { usageError } from './errors.js';

/**
 * How a stream cuts what it reads: `null`, every chunk as it comes; a string or bytes, everything up to it;
 * a number, that many bytes.
 */
export type ReadDelimiter = null | string | Uint8Array | number;

/** A delimiter ready for cutting: text has become bytes. */
export type Delimiter = null | Uint8Array | number;

/** Checks a delimiter from user code; throws UsageError for one that could never cut, or would cut forever. */
export function toDelimiter(value: ReadDelimiter): Delimiter {
  if (value === null) return null;
  if (typeof value === 'string' && value.length > 0) return Buffer.from(value);
  if (value instanceof Uint8Array && value.length > 0) return Buffer.from(value);
  if (typeof value === 'number' && Number.isSafeInteger(value) && value > 0) return value;
  throw usageError('ENGINE_READ_DELIMITER', typeof value === 'object' ? 'object' : String(value));
}
