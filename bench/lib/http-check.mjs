/** Sends one request as it stands and compares the answer: a server that answers less would be measured faster. */
import { connect } from 'node:net';

const PATIENCE_MS = 5_000;

/**
 * @typedef {object} Answer
 * @property {number} status
 * @property {string} type
 * @property {string} body
 */

/**
 * @param {number} port
 * @param {string} request
 * @param {Answer} expected
 */
export async function checkAnswer(port, request, expected) {
  const actual = await ask(port, request);
  for (const part of /** @type {const} */ (['status', 'type', 'body'])) {
    if (actual[part] === expected[part]) continue;
    throw new Error(
      `answers another ${part} than its peers:\n  got      ${JSON.stringify(actual[part])}\n` +
        `  expected ${JSON.stringify(expected[part])}`,
    );
  }
}

/**
 * @param {number} port
 * @param {string} request
 * @returns {Promise<Answer>}
 */
function ask(port, request) {
  return new Promise((resolve, reject) => {
    let text = '';
    const socket = connect(port, '127.0.0.1', () => socket.write(request));
    socket.setEncoding('latin1');
    socket.setTimeout(PATIENCE_MS, () => socket.destroy(new Error('does not answer the request')));
    socket.on('data', (chunk) => {
      text += chunk;
      try {
        const answer = readAnswer(text);
        if (answer === null) return;
        resolve(answer);
        socket.destroy();
      } catch (error) {
        socket.destroy(/** @type {Error} */ (error));
      }
    });
    socket.on('error', reject);
    socket.on('close', () => reject(new Error(`closes without a whole answer: ${JSON.stringify(text)}`)));
  });
}

/**
 * @param {string} text
 * @returns {Answer | null} null until all of it is there
 */
function readAnswer(text) {
  const end = text.indexOf('\r\n\r\n');
  if (end === -1) return null;
  const head = text.slice(0, end);
  const length = Number(field(head, 'Content-Length') || Number.NaN);
  if (Number.isNaN(length)) throw new Error(`answers without a Content-Length: ${JSON.stringify(head)}`);
  const body = text.slice(end + 4);
  if (body.length < length) return null;
  return { status: Number(head.slice(9, 12)), type: field(head, 'Content-Type'), body };
}

/**
 * @param {string} head
 * @param {string} name
 */
function field(head, name) {
  return new RegExp(`^${name}: *(.*?) *$`, 'im').exec(head)?.[1] ?? '';
}
