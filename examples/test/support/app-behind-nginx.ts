/** An application in this process, where nginx looks for one: on port 8481 and on run/app.sock. It counts and records. */
import { join } from 'node:path';
import { Clock, container, Logger } from '@inseam/engine';
import { HTTPServer, type HTTPServerOptions, type RequestHandler, TempStore } from '@inseam/http';
import { APP_PORT, type RunningNginx } from './running-nginx.js';

const running = new Set<AppBehindNginx>();

export class AppBehindNginx {
  /** Connections accepted, of both ways in. */
  accepted = 0;
  /** Requests of which the head got as far as the application's handlers. */
  readonly asked: string[] = [];
  /** The codes of what was logged. */
  readonly logged: string[] = [];
  readonly #servers: HTTPServer[] = [];

  /** It believes nginx unless `options` say otherwise. */
  static async listen(
    nginx: RunningNginx,
    handler: RequestHandler,
    options: HTTPServerOptions = {},
  ): Promise<AppBehindNginx> {
    const app = new AppBehindNginx();
    running.add(app);
    const parts = container.createChildContainer();
    const note = (_message: string, error?: unknown) =>
      app.logged.push((error as { code?: string } | undefined)?.code ?? String(error));
    parts.register(Clock, { useValue: container.resolve(Clock) });
    parts.register(Logger, { useValue: { debug() {}, info() {}, warn: note, error: note } });
    parts.register(TempStore, { useValue: new TempStore(join(nginx.directory, 'run')) });
    const { earlyHandler } = options;
    for (const address of [['127.0.0.1', APP_PORT], join(nginx.directory, 'run/app.sock')] as const) {
      const server = new HTTPServer(handler, {
        xheaders: ['loopback', 'unix'],
        container: parts,
        ...options,
        earlyHandler: (request) => {
          app.asked.push(`${request.method} ${request.url}`);
          return earlyHandler?.(request);
        },
      });
      server.onAccept = () => {
        app.accepted++;
        return true;
      };
      app.#servers.push(server);
      await server.listen(typeof address === 'string' ? address : [...address], { mode: 0o666 });
    }
    return app;
  }

  /** Connections that are open. */
  get open(): number {
    return this.#servers.reduce((sum, server) => sum + server.channels.size, 0);
  }

  /** As at SIGTERM: requests that have begun are answered. */
  async stop({ stopTimeoutMs = 1_000 } = {}): Promise<void> {
    running.delete(this);
    await this.#servers[0]?.engine.stop({ stopTimeoutMs });
  }
}

/** For `afterEach`: at once. */
export async function stopApps(): Promise<void> {
  for (const app of running) await app.stop({ stopTimeoutMs: 0 });
}
