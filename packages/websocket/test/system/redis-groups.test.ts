import { randomBytes } from 'node:crypto';
import { expect } from 'chai';
import { ChatProcess, type Heard, type Member } from '../support/chat-process.js';
import { itWithRedis, type RedisServer } from '../support/redis-server.js';

const text = (data: string): Heard => ({ data: Buffer.from(data), isText: true });
const binary = (data: Buffer): Heard => ({ data, isText: false });

/** What was heard, without the bytes of what is too long to be shown. */
function shown(heard: readonly Heard[]): string[] {
  return heard.map(({ data, isText }) => {
    const start = data.subarray(0, 16).toString(isText ? 'utf8' : 'hex');
    return `${isText ? 'text' : 'binary'} of ${data.length}: ${start}`;
  });
}

function expectHeard(member: Member, expected: readonly Heard[]): void {
  expect(shown(member.heard)).to.deep.equal(shown(expected));
  for (const [at, { data }] of expected.entries()) {
    expect(member.heard[at]?.data.equals(data), `message ${at}`).to.equal(true);
  }
}

function twoChats({ path }: RedisServer) {
  return Promise.all([ChatProcess.start(path), ChatProcess.start(path)]);
}

describe('system: a group of several processes over Redis', () => {
  itWithRedis('gives every member each message once, as it was sent', async (redis) => {
    const [here, there] = await twoChats(redis);
    const [speaker, neighbour, stranger] = [await here.join(), await here.join(), await there.join()];
    const members = [speaker, neighbour, stranger];

    const first = [
      text('hello, wörld ✓'),
      text(''),
      binary(Buffer.from([0, 1, 2, 0xff, 0xfe])),
      binary(Buffer.alloc(0)),
      binary(randomBytes(1_048_576)),
      text('x'.repeat(1_048_576)),
      text('end of the first'),
    ];
    for (const { data, isText } of first) speaker.say(isText ? String(data) : data);
    for (const member of members) await member.until('end of the first');

    const second = [text('and back'), binary(Buffer.from('text in name only')), text('end of the second')];
    for (const { data, isText } of second) stranger.say(isText ? String(data) : data);
    for (const member of members) await member.until('end of the second');

    // What came twice would have come before the second end.
    for (const member of members) expectHeard(member, [...first, ...second]);
  });

  itWithRedis('keeps the order of what one member says', async (redis) => {
    const [here, there] = await twoChats(redis);
    const [speaker, answerer] = [await here.join(), await there.join()];
    const lines = (name: string) => Array.from({ length: 1_000 }, (_, at) => `${name} ${at}`);
    for (const at of lines('one').keys()) {
      speaker.say(`one ${at}`);
      answerer.say(`two ${at}`);
    }
    for (const member of [speaker, answerer]) {
      await member.until('one 999', 'two 999');
      expect(member.texts.filter((line) => line.startsWith('one'))).to.deep.equal(lines('one'));
      expect(member.texts.filter((line) => line.startsWith('two'))).to.deep.equal(lines('two'));
    }
  });

  itWithRedis('goes on within each process while Redis is away, and between them after', async (redis) => {
    const [here, there] = await twoChats(redis);
    const [speaker, neighbour, stranger] = [await here.join(), await here.join(), await there.join()];
    speaker.say('before');
    await stranger.until('before');
    await redis.stop();
    speaker.say('alone');
    await neighbour.until('alone');
    await redis.start();
    for (let at = 0; !stranger.texts.some((line) => line.startsWith('probe')); at++) {
      speaker.say(`probe ${at}`);
      await speaker.until(`probe ${at}`);
    }
    stranger.say('after');
    speaker.say('after, too');
    for (const member of [speaker, neighbour, stranger]) await member.until('after', 'after, too');
    for (const { texts } of [speaker, neighbour, stranger]) expect(texts).to.deep.equal([...new Set(texts)]);
  });
});
