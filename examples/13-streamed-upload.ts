// Files of any size, written while they come and never held in memory: the early handler takes them piece by piece. Run
// it with `pnpm example 13-streamed-upload`, then `curl -T FILE -u :TOKEN localhost:8088`, with the token that it prints.
import { createHash, randomUUID, timingSafeEqual } from 'node:crypto';
import { mkdir, open, rm } from 'node:fs/promises';
import { Engine } from '@inseam/engine';
import { HTTPError, type HTTPRequest, HTTPServer } from '@inseam/http';

const { PORT = 8088, TOKEN = randomUUID(), UPLOADS = 'examples/dist/uploads' } = process.env;
const MOST_BYTES = Number(process.env.MOST_BYTES ?? 10 * 2 ** 30);
const sha256 = (text: string) => createHash('sha256').update(text).digest();
const CREDENTIALS = sha256(`Basic ${Buffer.from(`:${TOKEN}`).toString('base64')}`);
await mkdir(UPLOADS, { recursive: true });

async function earlyHandler(request: HTTPRequest) {
  // What is answered before the loop begins leaves the content unread; curl has not even sent it.
  if (request.method !== 'PUT') return request.sendResponse('', 405, { Allow: 'PUT' });
  const isKnown = timingSafeEqual(sha256(request.headers.get('authorization') ?? ''), CREDENTIALS);
  if (!isKnown) return request.sendResponse('', 401, { 'WWW-Authenticate': 'Basic realm="uploads"' });
  if (Number(request.headers.get('content-length')) > MOST_BYTES) throw new HTTPError(413);
  const path = `${UPLOADS}/${randomUUID()}`;
  await using file = await open(path, 'wx', 0o600);
  const hash = createHash('sha256');
  let bytes = 0;
  try {
    for await (const piece of request) {
      bytes += piece.length;
      if (bytes > MOST_BYTES) throw new HTTPError(413); // Chunks do not say how many they are.
      hash.update(piece);
      await file.appendFile(piece); // The client waits meanwhile.
    }
    request.sendJSON({ path, bytes, sha256: hash.digest('hex') }, 201);
  } catch (error) {
    await rm(path);
    throw error;
  }
}

const server = await new HTTPServer(() => {}, { earlyHandler }).listen(Number(PORT));
Engine.instance().stopOnSignals();
console.log(`http://localhost:${server.port}/ takes files; the token is ${TOKEN} (Ctrl-C stops)`);
