/** What the tests of the client have in common: a WebSocket that writes down what it is told, and a Logger that does. */
import { Clock, container, type DependencyContainer, Engine, InseamError, Logger } from '@inseam/engine';
import { WebSocket } from '@inseam/websocket';

export class RecordingSocket extends WebSocket {
  readonly events: string[] = [];
  readonly messages: unknown[] = [];
  #watchers: (() => void)[] = [];

  override onConnect(...args: unknown[]): unknown {
    return this.note(['connect', ...args].join(' '));
  }
  override onRead(message: unknown): unknown {
    this.messages.push(message);
    return this.note(typeof message === 'string' ? `text ${message}` : `bytes ${(message as Buffer).length}`);
  }
  override onPong(pong: number | Buffer): unknown {
    return this.note(typeof pong === 'number' ? 'pong' : `pong ${pong}`);
  }
  override onClose(code: number, reason: string, error: InseamError | null): unknown {
    return this.note(['close', code, reason, error?.code ?? 'null'].join(' '));
  }

  /** Resolves as soon as `condition` holds; it is looked at after every event. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => this.#watchers.push(resolve));
  }
  /** Resolves to what `onClose` was told. */
  async over(): Promise<string> {
    await this.until(() => this.closed);
    return this.events.at(-1) ?? '';
  }

  protected note(event: string): void {
    this.events.push(event);
    for (const wake of this.#watchers.splice(0)) wake();
  }
}

/** What was logged: the codes of our own errors, the text of others. */
export class CodeLog implements Logger {
  readonly entries: string[] = [];

  debug(): void {}
  info(): void {}
  warn(_message: string, error?: unknown): void {
    this.entries.push(error instanceof InseamError ? error.code : String(error));
  }
  error(message: string, error?: unknown): void {
    this.entries.push(`${message}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** An engine of the test's own. */
export function engineWith(clock?: Clock): { engine: Engine; log: CodeLog; parts: DependencyContainer } {
  const parts = container.createChildContainer();
  const log = new CodeLog();
  parts.register(Clock, { useValue: clock ?? container.resolve(Clock) });
  parts.register(Logger, { useValue: log });
  return { engine: Engine.instance(parts), log, parts };
}
