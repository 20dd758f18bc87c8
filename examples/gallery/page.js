/**
 * The page of examples/10-gallery.ts: sends what is chosen or dropped, one picture after the other, and shows what the
 * server has. Without it the form still works. A file's name is text wherever it is shown, never HTML.
 */
const form = document.querySelector('form');
const drop = document.querySelector('.drop');
const input = document.querySelector('input');
const uploads = document.querySelector('#uploads');
const pictures = document.querySelector('#pictures');
const status = document.querySelector('#status');
const empty = document.querySelector('#empty');

/** What waits to be sent. */
const queue = [];
let isSending = false;

document.documentElement.classList.add('js');
showPictures();

// Choosing and dropping ---------------------------------------------------------------------------------------------

input.addEventListener('change', () => {
  addFiles(input.files);
  form.reset();
});

for (const type of ['dragover', 'dragleave', 'drop']) {
  // On the whole window: a file that misses its aim would be opened in place of the page.
  window.addEventListener(type, (event) => {
    event.preventDefault();
    // Left for something else inside the window.
    if (type === 'dragleave' && event.relatedTarget !== null) return;
    drop.classList.toggle('over', type === 'dragover');
    if (type === 'drop') addFiles(event.dataTransfer.files);
  });
}

function addFiles(files) {
  for (const file of files) {
    const row = fromTemplate('upload');
    const upload = { file, row, request: null };
    row.querySelector('.name').textContent = file.name;
    row.querySelector('progress').setAttribute('aria-label', `Upload of ${file.name}`);
    row.querySelector('.again').addEventListener('click', () => enqueue(upload));
    row.querySelector('.cancel').addEventListener('click', () => cancel(upload));
    uploads.append(row);
    enqueue(upload);
  }
}

// Sending -----------------------------------------------------------------------------------------------------------

function enqueue(upload) {
  setState(upload, 'Waiting', 0);
  queue.push(upload);
  sendNext();
}

async function sendNext() {
  if (isSending || queue.length === 0) return;
  isSending = true;
  const upload = queue.shift();
  try {
    await send(upload);
    remove(upload);
    status.textContent = `${upload.file.name} is uploaded.`;
    await showPictures();
  } catch (error) {
    setState(upload, error.message, null);
    status.textContent = `${upload.file.name}: ${error.message}`;
  }
  isSending = false;
  sendNext();
}

/** `fetch` cannot tell how much of a body has been sent; XMLHttpRequest can. */
function send(upload) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    upload.request = request;
    request.upload.addEventListener('progress', ({ loaded, total }) => {
      setState(upload, loaded < total ? `${Math.floor((100 * loaded) / total)} %` : 'Saving', loaded / total);
    });
    request.addEventListener('load', () => {
      if (request.status < 400) resolve();
      else reject(new Error(request.responseText.trim() || `The server answered ${request.status}.`));
    });
    request.addEventListener('error', () => reject(new Error('The connection was lost.')));
    request.addEventListener('abort', () => reject(new Error('Cancelled.')));
    request.open('POST', form.action);
    const content = new FormData();
    content.append(input.name, upload.file);
    request.send(content);
  });
}

function cancel(upload) {
  const place = queue.indexOf(upload);
  if (place !== -1) queue.splice(place, 1);
  upload.request?.abort();
  remove(upload);
}

function remove({ row }) {
  const hadFocus = row.contains(document.activeElement);
  row.remove();
  if (hadFocus) input.focus();
}

/** `done` is how much of the file has been sent, up to 1; null when it failed. */
function setState({ row }, text, done) {
  const hasFailed = done === null;
  row.classList.toggle('failed', hasFailed);
  row.querySelector('.state').textContent = text;
  row.querySelector('progress').value = done ?? 0;
  row.querySelector('progress').hidden = hasFailed;
  row.querySelector('.again').hidden = !hasFailed;
  row.querySelector('.cancel').textContent = hasFailed ? 'Dismiss' : 'Cancel';
}

// Showing -----------------------------------------------------------------------------------------------------------

async function showPictures() {
  try {
    const names = await (await fetch('pictures')).json();
    const shown = new Map([...pictures.children].map((item) => [item.dataset.name, item]));
    pictures.replaceChildren(...names.map((name) => shown.get(name) ?? pictureItem(name)));
    empty.hidden = names.length > 0;
  } catch {
    status.textContent = 'The pictures cannot be loaded.';
  }
}

function pictureItem(name) {
  const item = fromTemplate('picture');
  item.dataset.name = name;
  item.querySelector('a').href = `pictures/${name}`;
  item.querySelector('img').src = `pictures/${name}`;
  item.querySelector('.label').textContent = labelOf(name);
  return item;
}

/** What the picture was called when it was uploaded: the third part of its name, in base64url. */
function labelOf(name) {
  const [, , label] = name.split('.');
  const bytes = atob(label.replaceAll('-', '+').replaceAll('_', '/'));
  return new TextDecoder().decode(Uint8Array.from(bytes, (character) => character.charCodeAt(0)));
}

function fromTemplate(id) {
  return document.querySelector(`#${id}`).content.cloneNode(true).firstElementChild;
}
