/** busboy on node:http, as its documentation shows it: each file is piped into a temporary one. */
import { randomBytes } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { unlink } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import busboy from 'busboy';

const server = createServer((request, response) => {
  /** @type {Promise<{ path: string, size: number }>[]} */
  const files = [];
  const form = busboy({ headers: request.headers });
  form.on('file', (_name, stream) => {
    const path = join(tmpdir(), `bench-${randomBytes(16).toString('hex')}`);
    const file = createWriteStream(path, { flags: 'wx', mode: 0o600 });
    files.push(pipeline(stream, file).then(() => ({ path, size: file.bytesWritten })));
  });
  form.on('close', async () => {
    const [file] = await Promise.all(files);
    response.setHeader('Content-Type', 'text/plain; charset=utf-8');
    response.end(`${file?.size}\n`);
    if (file !== undefined) await unlink(file.path);
  });
  request.pipe(form);
});

server.listen(0, '127.0.0.1', () => {
  const address = /** @type {import('node:net').AddressInfo} */ (server.address());
  console.log(`http://127.0.0.1:${address.port}/`);
});
