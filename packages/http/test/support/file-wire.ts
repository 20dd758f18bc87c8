/** A `wire` whose handler sends one file, and which waits for the end of that. */
import type { HTTPRequest, HTTPServerOptions, SendFileOptions } from '@inseam/http';
import { get } from './message.js';
import { type Wire, wire } from './wire.js';

export interface FileWire extends Wire {
  /** Sends a request and answers with what came. */
  ask(request?: string): Promise<string>;
  /** The same for a GET with these lines. */
  askFor(...lines: string[]): Promise<string>;
}

/** When files have long settled, so that they are kept in memory; at the wires' usual time they have not been made. */
export const SETTLED = Date.UTC(2100, 0, 1);

/** A `fileWire` whose small file is in memory, and whose large one is known, before the first request. */
export async function warmFileWire(
  path: string,
  options: SendFileOptions = {},
  serverOptions: HTTPServerOptions = {},
): Promise<FileWire> {
  const far = fileWire(path, options, serverOptions, SETTLED);
  await far.ask();
  return far;
}

/** Every request gets the file at `path`, or what `handler` makes of it. */
export function fileWire(
  path: string | ((request: HTTPRequest) => Promise<void>),
  options: SendFileOptions = {},
  serverOptions: HTTPServerOptions = {},
  date?: number,
): FileWire {
  const sent: Promise<void>[] = [];
  const handler = (request: HTTPRequest) => {
    sent.push(typeof path === 'string' ? request.sendFile(path, options) : path(request));
  };
  const far = wire(handler, serverOptions);
  if (date !== undefined) far.clock.date = () => date;
  const ask = async (request = get()) => {
    far.send(request);
    let waitedFor = -1;
    while (sent.length > waitedFor) {
      await far.settle();
      waitedFor = sent.length;
      await Promise.all(sent);
      await far.settle();
    }
    return far.take();
  };
  return {
    ...far,
    // A spread would ask once and for all.
    get ended() {
      return far.ended;
    },
    ask,
    askFor: (...lines) => ask(get('/', ...lines)),
  };
}

/** Status line, headers in the order in which they came, and content of one answer. */
export function readAnswer(text: string): {
  status: number;
  headers: Record<string, string>;
  content: string;
} {
  const end = text.indexOf('\r\n\r\n');
  const [line = '', ...fields] = text.slice(0, end).split('\r\n');
  const headers = Object.fromEntries(fields.map((field) => field.split(/: (.*)/s).slice(0, 2)));
  return { status: Number(line.slice(9, 12)), headers, content: text.slice(end + 4) };
}
