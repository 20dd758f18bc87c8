/** Bus: what carries the messages of groups between processes. RedisBus is one; any publish and subscribe will do. */
export interface Bus {
  /**
   * Sends `message`, which does not change, to every process that has subscribed to `topic`, this one included or not. What fails is the bus's
   * to report: a promise that rejects is logged.
   */
  publish(topic: string, message: Buffer): unknown;
  /** Calls `listener` with each message on `topic`, in order, once it has resolved, until what it resolves to is called. */
  subscribe(topic: string, listener: (message: Buffer) => void): Promise<() => unknown>;
}
