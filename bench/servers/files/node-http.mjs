/** node:http with `send`, which express and others send files by. The baseline of the works with files. */
import { createServer } from 'node:http';
import send from 'send';
import { FILES_FOLDER } from '../../lib/files.mjs';

const server = createServer((request, response) => {
  send(request, request.url ?? '/', { root: FILES_FOLDER }).pipe(response);
});

server.listen(0, '127.0.0.1', () => {
  const address = /** @type {import('node:net').AddressInfo} */ (server.address());
  console.log(`http://127.0.0.1:${address.port}/`);
});
