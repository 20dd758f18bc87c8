/**
 * The page of examples/15-chat.ts: one WebSocket, made anew when it is lost, after waits that grow. What people call themselves and
 * what they say is text wherever it is shown, never HTML.
 */
const enter = document.querySelector('#enter');
const chat = document.querySelector('#chat');
const say = document.querySelector('#say');
const log = document.querySelector('#log');
const people = document.querySelector('#people');
const state = document.querySelector('#state');
const now = document.querySelector('#now');

const LONGEST_WAIT = 30_000;

/** As whom we come, and as whom the server knows us: there may be somebody of that name already. */
let name = sessionStorage.getItem('name');
let you = name;
let socket = null;
let timer = 0;
/** Attempts since the server last let us in. */
let failures = 0;
/** The number of the last message that is shown. */
let latest = 0;

show();
if (name !== null) connect();

function show() {
  enter.hidden = name !== null;
  chat.hidden = name === null;
  (name === null ? enter : say).querySelector('input').focus();
}

// The connection ----------------------------------------------------------------------------------------------------

function connect() {
  clearTimeout(timer);
  timer = 0;
  setState('connecting', 'Connecting…');
  const url = new URL(`chat?name=${encodeURIComponent(name)}`, location.href);
  url.protocol = url.protocol.replace('http', 'ws');
  socket = new WebSocket(url);
  socket.addEventListener('message', ({ data }) => take(JSON.parse(data)));
  socket.addEventListener('close', ({ target, code }) => {
    // Not of one that we have left.
    if (target === socket) wait(code);
  });
}

/** Half of the wait is left to chance: else all pages would come back in the same moment. */
function wait(code) {
  socket = null;
  const longest = Math.min(LONGEST_WAIT, 1_000 * 2 ** failures++);
  const ms = (longest / 2) * (1 + Math.random());
  timer = setTimeout(connect, ms);
  setState('waiting', `Not connected (${code}). Next attempt in ${Math.ceil(ms / 1_000)} s.`);
  showPeople([]);
}

function setState(value, text) {
  state.dataset.state = value;
  state.firstElementChild.textContent = text;
  now.hidden = value !== 'waiting';
  say.querySelector('button').disabled = value !== 'connected';
}

for (const [target, event] of [
  [now, 'click'],
  [window, 'online'],
]) {
  target.addEventListener(event, () => {
    if (timer !== 0) connect();
  });
}

// What comes --------------------------------------------------------------------------------------------------------

function take(news) {
  if (news.you !== undefined) {
    you = news.you;
    failures = 0;
    setState('connected', `Connected as ${you}`);
    // After an interruption most of them are here already.
    for (const message of news.messages) showMessage(message);
  }
  if (news.text !== undefined) showMessage(news);
  if (news.joined !== undefined && news.joined !== you) showNotice(`${news.joined} has joined`);
  if (news.left !== undefined) showNotice(`${news.left} has left`);
  if (news.people !== undefined) showPeople(news.people);
}

function showMessage({ id, from, text }) {
  if (id <= latest) return;
  latest = id;
  const item = document.querySelector('#message').content.cloneNode(true).firstElementChild;
  const time = new Date(id);
  item.classList.toggle('own', from === you);
  item.querySelector('.from').textContent = from;
  item.querySelector('time').dateTime = time.toISOString();
  item.querySelector('time').textContent = time.toLocaleTimeString([], {
    hour: '2-digit',
    minute: '2-digit',
  });
  item.querySelector('.text').textContent = text;
  append(item);
}

function showNotice(text) {
  const item = document.createElement('li');
  item.className = 'notice';
  item.textContent = text;
  append(item);
}

/** Who reads what was said earlier is left where they are. */
function append(item) {
  const isAtEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 80;
  log.append(item);
  if (isAtEnd || item.classList.contains('own')) log.scrollTop = log.scrollHeight;
}

function showPeople(names) {
  const items = names.map((name) => {
    const item = document.createElement('li');
    item.textContent = name;
    item.classList.toggle('own', name === you);
    return item;
  });
  people.replaceChildren(...items);
}

// What we do --------------------------------------------------------------------------------------------------------

enter.addEventListener('submit', (event) => {
  event.preventDefault();
  name = new FormData(enter).get('name');
  sessionStorage.setItem('name', name);
  show();
  connect();
});

say.addEventListener('submit', (event) => {
  event.preventDefault();
  // What cannot be sent stays in its field.
  if (socket?.readyState !== WebSocket.OPEN) return;
  const text = new FormData(say).get('text').trim();
  if (text !== '') socket.send(text);
  say.reset();
});

document.querySelector('#leave').addEventListener('click', () => {
  sessionStorage.removeItem('name');
  clearTimeout(timer);
  timer = 0;
  name = null;
  socket?.close();
  socket = null;
  log.replaceChildren();
  latest = 0;
  show();
});
