/** A file that every request asks for: hot in every cache there is. */
import { contentOf, makeFiles } from '../lib/files.mjs';
import { httpWork } from '../lib/http-work.mjs';

/**
 * @param {string} name
 * @param {string} title
 * @param {string} file
 */
function fileWork(name, title, file) {
  return httpWork({
    name,
    title,
    request: `GET /${file} HTTP/1.1\r\nHost: localhost\r\n\r\n`,
    answer: {
      status: 200,
      type: 'application/octet-stream',
      body: contentOf(file).toString('latin1'),
    },
    app: 'files',
    servers: ['inseam', 'node-http', 'nginx'],
    prepare: makeFiles,
  });
}

export const file4k = fileWork('file-4k', 'GET a file of 4 KiB, keep-alive', '4k.bin');
export const file1m = fileWork('file-1m', 'GET a file of 1 MiB, keep-alive', '1m.bin');
