import { expect } from 'chai';
import { ContentIterator, wholeContent } from '#http/content/content-iterator.js';

function made() {
  const calls: string[] = [];
  const iterator = new ContentIterator(
    () => calls.push('read'),
    () => calls.push('leave'),
  );
  const results: string[] = [];
  const ask = () =>
    iterator.next().then(
      ({ done, value }) => results.push(done ? 'done' : String(value)),
      (error: Error) => results.push(error.message),
    );
  return { iterator, calls, results, ask };
}

describe('content: ContentIterator', () => {
  it('reads when a piece is wanted, and once for all that are', async () => {
    const { iterator, calls, results, ask } = made();
    expect(calls).to.deep.equal([]);
    const asked = [ask(), ask()];
    expect(calls).to.deep.equal(['read']);
    expect(iterator.push(Buffer.from('a')), 'another is wanted').to.equal(true);
    expect(iterator.push(Buffer.from('b')), 'no other is').to.equal(false);
    await Promise.all(asked);
    expect(results).to.deep.equal(['a', 'b']);
    void ask();
    expect(calls).to.deep.equal(['read', 'read']);
    iterator.end();
  });

  it('copies each piece, which is the pusher’s', async () => {
    const { iterator, results, ask } = made();
    const asked = ask();
    const piece = Buffer.from('a');
    iterator.push(piece);
    piece.fill('z');
    await asked;
    expect(results).to.deep.equal(['a']);
  });

  it('is over at the end, for all who wait and all who come', async () => {
    const { iterator, calls, results, ask } = made();
    const asked = [ask(), ask()];
    iterator.end();
    await Promise.all([...asked, ask()]);
    iterator.fail(new Error('too late'));
    await ask();
    expect(results).to.deep.equal(['done', 'done', 'done', 'done']);
    expect(calls).to.deep.equal(['read']);
  });

  it('tells one who waits why it failed', async () => {
    const { iterator, results, ask } = made();
    const asked = [ask(), ask()];
    iterator.fail(new Error('why'));
    iterator.fail(new Error('again'));
    await Promise.all([...asked, ask()]);
    expect(results.sort()).to.deep.equal(['done', 'done', 'why']);
  });

  it('tells the first who comes why it failed', async () => {
    const { iterator, calls, results, ask } = made();
    iterator.fail(new Error('why'));
    await ask();
    await ask();
    expect(results).to.deep.equal(['why', 'done']);
    expect(calls, 'nothing can be read').to.deep.equal([]);
  });

  it('is over when it is left, and says so once', async () => {
    const { iterator, calls, results, ask } = made();
    const asked = ask();
    expect(await iterator.return()).to.deep.equal({ done: true, value: undefined });
    await iterator.return();
    await asked;
    await ask();
    iterator.fail(new Error('nobody asks'));
    await ask();
    expect(results).to.deep.equal(['done', 'done', 'done']);
    expect(calls).to.deep.equal(['read', 'leave']);
    expect(iterator.push(Buffer.from('unwanted'))).to.equal(false);
  });

  it('that failed and is left does not fail any more', async () => {
    const { iterator, calls, results, ask } = made();
    iterator.fail(new Error('why'));
    await iterator.return();
    await ask();
    expect([results, calls]).to.deep.equal([['done'], []]);
  });

  it('of whole content has one piece, or none', async () => {
    const pieces: Buffer[] = [];
    for await (const piece of wholeContent(Buffer.from('all'))) pieces.push(piece);
    for await (const piece of wholeContent(Buffer.alloc(0))) pieces.push(piece);
    expect(pieces.map(String)).to.deep.equal(['all']);
  });
});
