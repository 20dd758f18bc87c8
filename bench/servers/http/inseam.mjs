/** Inseam, as a user would write it. From the workspace's build, so that what is measured is this checkout. */
import { HTTPServer } from '../../../packages/http/dist/index.js';

const server = new HTTPServer((request) => {
  if (request.method === 'POST') request.sendResponse(request.body, 200, 'application/json');
  else request.sendResponse('Hello, World!\n');
});

await server.listen(['127.0.0.1', 0]);
console.log(`http://127.0.0.1:${server.port}/`);
