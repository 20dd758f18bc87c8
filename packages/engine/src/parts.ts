/** Which engine and logger a channel gets. */
import { container, type DependencyContainer } from './container.js';
import { Engine } from './engine.js';
import { Logger } from './logger.js';

/** What is named wins: a container's own Logger over the engine's, an engine over the container's. */
export function partsOf(options: {
  engine: Engine | undefined;
  container: DependencyContainer | undefined;
}): { engine: Engine; logger: Logger } {
  if (options.engine !== undefined && options.container === undefined) {
    return { engine: options.engine, logger: options.engine.logger };
  }
  const parts = options.container ?? container;
  const engine = options.engine ?? Engine.instance(parts);
  return { engine, logger: parts.isRegistered(Logger) ? parts.resolve(Logger) : engine.logger };
}
