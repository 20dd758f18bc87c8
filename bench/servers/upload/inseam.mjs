/** Inseam, as a user would write it. */
import { HTTPServer } from '../../../packages/http/dist/index.js';

const server = new HTTPServer(
  (request) => {
    request.sendResponse(`${request.files.file?.[0]?.size}\n`);
  },
  { maxUpload: 1024 ** 3 },
);

await server.listen(['127.0.0.1', 0]);
console.log(`http://127.0.0.1:${server.port}/`);
