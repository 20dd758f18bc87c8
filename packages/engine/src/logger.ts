/** Where the project reports what no caller can be told. Replace it with `container.register(Logger, …)`. */
import { inspect } from 'node:util';
import type { InjectionToken } from 'tsyringe';
import { InseamError, UsageError } from './errors.js';

/** A Logger takes a message and, where there is one, the error behind it. It must not throw. */
export interface Logger {
  debug(message: string, error?: unknown): void;
  info(message: string, error?: unknown): void;
  warn(message: string, error?: unknown): void;
  error(message: string, error?: unknown): void;
}

export const Logger: InjectionToken<Logger> = Symbol('Logger');

/** One line, whatever is in it: a peer's bytes must not be able to forge a second line or move the cursor. */
function oneLine(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this is here to remove
  return text.replace(/\n\s*/g, ' | ').replace(/[\0-\x1f\x7f-\x9f]/g, '?');
}

/** A peer's or the system's failure is said by code and message; of a mistake in the code the stack is what helps. */
function describe(error: unknown): string {
  if (error instanceof UsageError) return `${error.code} ${error.stack ?? error.message}`;
  if (error instanceof InseamError) return `${error.code} ${error.message}`;
  if (error instanceof Error) return error.stack ?? error.message;
  return typeof error === 'string' ? error : inspect(error);
}

/** One line on stderr for each warning and error, nothing for the rest. */
export const stderrLogger: Logger = Object.freeze({
  debug() {},
  info() {},
  warn(message: string, error?: unknown) {
    line('warning', message, error);
  },
  error(message: string, error?: unknown) {
    line('error', message, error);
  },
});

function line(level: string, message: string, error: unknown): void {
  let detail = '';
  try {
    if (error !== undefined) detail = `: ${describe(error)}`;
  } catch {
    detail = ': an error that cannot be shown';
  }
  process.stderr.write(`inseam ${level}: ${oneLine(message + detail)}\n`);
}
