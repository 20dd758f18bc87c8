/** Sends a form to a server and says what its handler saw of it, as plain data. */
import type { HTTPRequest, HTTPServerOptions } from '@inseam/http';
import { readRefusal } from './refusal.js';
import { eventually } from './upload-place.js';
import { wire } from './wire.js';

export interface SeenForm {
  readonly fields: readonly [name: string, value: string][];
  readonly files: readonly SeenFile[];
}

export type SeenFile = readonly [field: string, filename: string, contentType: string, content: string];

/** Each chunk is sent alone. Resolves to what the handler saw, or to status and code of the refusal. */
export async function seeForm(
  chunks: Uint8Array | readonly Uint8Array[],
  options: HTTPServerOptions = {},
): Promise<SeenForm | string> {
  let seen: SeenForm | null = null;
  const far = wire(async (request) => {
    seen = await readForm(request);
    request.sendResponse('');
  }, options);
  for (const chunk of chunks instanceof Uint8Array ? [chunks] : chunks) far.send(chunk);
  await eventually(() => seen !== null || far.ended || far.sink.text !== '');
  if (seen !== null) return seen;
  const answer = await far.take();
  // What a handler finds wrong is answered as a handler answers, and the connection stays.
  return far.ended ? readRefusal(far, answer) : `${answer.slice(9, 12)} ${far.log.codes.at(-1)}`;
}

export async function readForm(request: HTTPRequest): Promise<SeenForm> {
  const fields = [...request.post];
  const files: SeenFile[] = [];
  for (const file of Object.values(request.files).flat()) {
    const content = await file.bytes();
    if (content.length !== file.size) throw new Error(`${content.length} bytes, and size is ${file.size}`);
    files.push([file.field, file.filename, file.contentType, content.toString('latin1')]);
  }
  return { fields, files };
}
