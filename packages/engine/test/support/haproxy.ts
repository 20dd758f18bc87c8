/** HAProxy, as Debian packages it, in front of a server of ours. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';

export interface Haproxy {
  /** Where its clients come to, on 127.0.0.1. */
  readonly port: number;
  stop(): Promise<void>;
}

/**
 * Runs it from a port of its own to `port`; `options` are those of its `server` line, as 'send-proxy'. Its configuration is written
 * to `file`.
 */
export async function startHaproxy(file: string, port: number, options: string): Promise<Haproxy> {
  writeFileSync(
    file,
    `
global
  nbthread 1
  maxconn 100
defaults
  mode tcp
  timeout connect 10s
  timeout client 10s
  timeout server 10s
listen front
  bind fd@3
  server back 127.0.0.1:${port} ${options}
`,
  );
  // A listening descriptor is handed over, so that no port has to be guessed. It has no public name.
  const front = createServer();
  await once(front.listen(0, '127.0.0.1'), 'listening');
  const { port: frontPort } = front.address() as AddressInfo;
  const { fd } = (front as unknown as { _handle: { fd: number } })._handle;
  const child = spawn('haproxy', ['-db', '-f', file], { stdio: ['ignore', 'ignore', 'inherit', fd] });
  front.close();
  return {
    port: frontPort,
    async stop() {
      child.kill();
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    },
  };
}
