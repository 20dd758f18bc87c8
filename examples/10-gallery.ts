// A gallery: pictures come in a form, are kept in a directory and shown. Run it with `pnpm example 10-gallery`, then
// open the URL that it prints. Its page is in examples/gallery; the pictures come into `pictures` beside it.
import { readdirSync } from 'node:fs';
import { Engine } from '@inseam/engine';
import { HTTPError, type HTTPRequest, HTTPServer } from '@inseam/http';

const { PORT = 8085, GALLERY: fileRoot = 'examples/gallery' } = process.env;
const KINDS = { png: /^89504e47/, jpg: /^ffd8ff/, gif: /^47494638/, webp: /^52494646.{8}57454250/ };
const headers = { 'X-Content-Type-Options': 'nosniff' };

function earlyHandler(request: HTTPRequest) {
  if (request.method !== 'POST') return;
  if (request.headers.get('sec-fetch-site') === 'cross-site') throw new HTTPError(403);
  request.maxUpload = 64 * 2 ** 20; // More is refused before it is read.
}

async function requestHandler(request: HTTPRequest) {
  const file = request.path.slice(1) || 'index.html';
  if (request.method === 'POST') return keep(request);
  if (file !== 'pictures') return request.sendFile(file, { headers });
  const names = readdirSync(`${fileRoot}/pictures`).sort().reverse();
  request.sendJSON(names.filter((name) => !name.startsWith('.')));
}

async function keep(request: HTTPRequest) {
  let url = '/';
  for (const picture of request.files.pictures ?? []) {
    const [start = Buffer.of()] = await picture.stream().take(1).toArray();
    const kind = Object.entries(KINDS).find(([, magic]) => magic.test(start.toString('hex', 0, 12)))?.[0];
    if (!kind) throw new HTTPError(415, 'This is no PNG, JPEG, GIF or WebP picture.\n');
    const label = Buffer.from(picture.filename).subarray(0, 120).toString('base64url'); // Shown as text.
    url = `/pictures/${Date.now()}.${crypto.randomUUID()}.${label}.${kind}`;
    await picture.moveTo(fileRoot + url);
  }
  request.redirect(url, 303);
}

const server = await new HTTPServer(requestHandler, { fileRoot, earlyHandler }).listen(Number(PORT));
Engine.instance().stopOnSignals();
console.log(`http://localhost:${server.port}/ (Ctrl-C stops)`);
