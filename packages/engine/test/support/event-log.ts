/** A list of what happened, and a way to wait for the next entry. */
export class EventLog {
  readonly events: string[] = [];
  #watchers: (() => void)[] = [];

  add(event: string): void {
    this.events.push(event);
    const watchers = this.#watchers;
    this.#watchers = [];
    for (const watcher of watchers) watcher();
  }

  /** Takes what has been logged; the list is empty afterwards. */
  take(): string[] {
    return this.events.splice(0);
  }

  /** Resolves once an entry begins with `start`; looked at after every one. */
  async until(start: string): Promise<void> {
    while (!this.events.some((event) => event.startsWith(start))) {
      await new Promise<void>((resolve) => {
        this.#watchers.push(resolve);
      });
    }
  }
}
