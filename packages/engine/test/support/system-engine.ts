/** An engine on the system's clock whose reports are recorded, for tests with real sockets. */
import { container, Engine, Logger } from '@inseam/engine';
import { EventLog } from './event-log.js';
import { recordingLogger } from './test-engine.js';

export function systemEngine(): { engine: Engine; reports: EventLog } {
  const reports = new EventLog();
  const parts = container.createChildContainer();
  parts.register(Logger, { useValue: recordingLogger(reports) });
  return { engine: new Engine(parts), reports };
}
