/** A Logger that writes down what it is told. */
import { InseamError, type Logger } from '@inseam/engine';

export interface LogEntry {
  readonly level: keyof Logger;
  readonly message: string;
  readonly error: unknown;
}

export class RecordingLogger implements Logger {
  readonly entries: LogEntry[] = [];

  /** The codes of our own errors, in order. */
  get codes(): string[] {
    return this.entries.flatMap(({ error }) => (error instanceof InseamError ? [error.code] : []));
  }

  debug(message: string, error?: unknown): void {
    this.entries.push({ level: 'debug', message, error });
  }
  info(message: string, error?: unknown): void {
    this.entries.push({ level: 'info', message, error });
  }
  warn(message: string, error?: unknown): void {
    this.entries.push({ level: 'warn', message, error });
  }
  error(message: string, error?: unknown): void {
    this.entries.push({ level: 'error', message, error });
  }
}
