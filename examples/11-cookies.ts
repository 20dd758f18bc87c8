// A session in a signed cookie: the server keeps nothing of it. Run it with `pnpm example 11-cookies`, then open the
// URL that it prints. COOKIE_SECRETS are the keys that sign it, the newest first: the others are still believed.
import { randomBytes } from 'node:crypto';
import { Engine } from '@inseam/engine';
import { HTTPError, type HTTPRequest, HTTPServer } from '@inseam/http';

type Session = { name: string; visits: number };

const { PORT = 8086, COOKIE_SECRETS } = process.env;
const cookieSecret = COOKIE_SECRETS?.split(' ') ?? randomBytes(32); // These sessions end with the process.
const HTML = { 'Content-Type': 'text/html; charset=utf-8', 'Cache-Control': 'no-store' };
const TOP =
  '<!doctype html><meta name="viewport" content="width=device-width"><title>Session</title><form method="post">';
const LOG_IN = `${TOP}<label>Your name <input name="name" required></label> <button>Log in</button></form>`;
const html = (text: string) => text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);

function requestHandler(request: HTTPRequest) {
  if (request.path !== '/') throw new HTTPError(404); // A browser asks for an icon, too.
  const session = request.getSecureCookie('session') as Session | null;
  // Other sites' forms come without it (Lax), scripts do not see it (HttpOnly, the default).
  const options = { path: '/', sameSite: 'lax', secure: request.isSecure } as const;
  if (request.method === 'POST') {
    if (request.headers.get('sec-fetch-site') === 'cross-site') throw new HTTPError(403);
    const name = request.post.get('name')?.slice(0, 100);
    if (name) request.setSecureCookie('session', { name, visits: 0 }, options);
    else request.cookiesOut.delete('session', options);
    request.redirect('/', 303);
  } else if (session === null) {
    request.sendResponse(LOG_IN, 200, HTML);
  } else {
    const visits = session.visits + 1;
    request.setSecureCookie('session', { ...session, visits }, options);
    const greeting = `Hello, ${html(session.name)}. Visits: ${visits}`;
    request.sendResponse(`${TOP}<p>${greeting}</p><button>Log out</button></form>`, 200, HTML);
  }
}

const server = await new HTTPServer(requestHandler, { cookieSecret }).listen(Number(PORT));
Engine.instance().stopOnSignals();
console.log(`http://localhost:${server.port}/ (Ctrl-C stops)`);
