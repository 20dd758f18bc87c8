/** One HTTP request of Node's own client, and what came back. */
import { once } from 'node:events';
import { type IncomingMessage, type RequestOptions, request } from 'node:http';

export interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
}

/** Where our clients come from, to tell them from nginx. */
export const CLIENT = '127.0.0.5';

export async function ask(
  port: number,
  path: string,
  options: RequestOptions = {},
  body = '',
): Promise<Answer> {
  const sent = request({ host: '127.0.0.1', port, path, localAddress: CLIENT, agent: false, ...options });
  sent.end(body);
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  const pieces: Buffer[] = [];
  for await (const piece of response) pieces.push(piece as Buffer);
  return { status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(pieces) };
}

/** Resolves once `condition` holds; what makes it hold happens without us. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
}
