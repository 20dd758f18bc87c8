// A chat in the browser, by Server-Sent Events. Run it with `pnpm example 12-events`, then open the URL that it prints
// in two windows, or try `curl -N localhost:8087/events` and `curl -d text=hello localhost:8087`.
import { Engine } from '@inseam/engine';
import { type EventStream, type HTTPRequest, HTTPServer } from '@inseam/http';

const PAGE = `<!doctype html><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Chat</title>
<pre id="log" role="log"></pre><form id="say"><label>Say <input name="text" required></label> <button>Send</button></form>
<script type="module">
  new EventSource('events').onmessage = ({ data }) => log.append(data + '\\n');
  say.onsubmit = (event) => {
    event.preventDefault();
    fetch('', { method: 'POST', body: new URLSearchParams(new FormData(say)) }).then(() => say.reset());
  };
</script>`;
const guests = new Set<EventStream>();
const messages: { id: string; data: string }[] = [];
let latest = Date.now(); // Above the numbers of an earlier run, which a browser may still have.

function requestHandler(request: HTTPRequest) {
  if (request.path === '/events') join(request.sendEvents());
  else if (request.method === 'POST') say(request);
  else request.sendResponse(PAGE, 200, 'text/html; charset=utf-8');
}

function join(guest: EventStream) {
  guests.add(guest);
  guest.onClose = () => guests.delete(guest);
  for (const message of messages) if (+message.id > +guest.lastEventId) guest.send(message);
}

function say(request: HTTPRequest) {
  const message = { id: String(++latest), data: request.post.get('text')?.slice(0, 1000) ?? '' };
  if (messages.push(message) > 100) messages.shift();
  for (const guest of guests) if (!guest.send(message)) guest.close(); // Is behind; it comes again and catches up.
  request.sendResponse('', 204);
}

const server = await new HTTPServer(requestHandler).listen(Number(process.env.PORT ?? 8087));
Engine.instance().stopOnSignals();
console.log(`http://localhost:${server.port}/ (Ctrl-C stops)`);
