/** Inseam, as a user would write it. From the workspace's build, so that what is measured is this checkout. */
import { HTTPServer } from '../../../packages/http/dist/index.js';
import { FILES_FOLDER } from '../../lib/files.mjs';

const server = new HTTPServer((request) => request.sendFile(request.path.slice(1)), {
  fileRoot: FILES_FOLDER,
});

await server.listen(['127.0.0.1', 0]);
console.log(`http://127.0.0.1:${server.port}/`);
