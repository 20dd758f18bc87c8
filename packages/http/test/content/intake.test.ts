import { HTTPProtocolError } from '@inseam/http';
import { expect } from 'chai';
import { Intake } from '#http/content/intake.js';

function sink(answers: boolean[] = []) {
  const told: string[] = [];
  return {
    told,
    push: (piece: Buffer) => {
      told.push(String(piece));
      return answers.shift() ?? true;
    },
    end: () => told.push('end'),
    fail: (error: Error) => told.push(error.message),
  };
}

describe('content: Intake', () => {
  it('knows the total of a length, and not that of chunks', () => {
    expect(new Intake({ kind: 'length', length: 5 }).total).to.equal(5);
    expect(new Intake({ kind: 'chunked' }).total).to.equal(null);
  });

  it('is closed until somebody takes the content', () => {
    const intake = new Intake({ kind: 'chunked' });
    expect([intake.isOpen, intake.hasSink]).to.deep.equal([false, false]);
    intake.fail(new Error('nobody'));
    intake.end();
    intake.open(sink(), 10);
    expect([intake.isOpen, intake.hasSink]).to.deep.equal([true, true]);
  });

  it('hands on pieces, counts them, and is closed while its sink is full', () => {
    const intake = new Intake({ kind: 'chunked' });
    const taker = sink([true, false]);
    intake.open(taker, 10);
    expect([intake.received, intake.hasProgress]).to.deep.equal([0, false]);
    intake.push(Buffer.from('ab'));
    expect([intake.received, intake.hasProgress, intake.isOpen]).to.deep.equal([2, true, true]);
    intake.push(Buffer.from('cde'));
    expect([intake.received, intake.isOpen]).to.deep.equal([5, false]);
    intake.reopen();
    intake.end();
    intake.fail(new Error('why'));
    expect([taker.told, intake.isOpen]).to.deep.equal([['ab', 'cde', 'end', 'why'], true]);
  });

  it('refuses a length above the limit, and chunks once they are; exactly the limit is taken', () => {
    const tooLarge = (call: () => void) =>
      expect(call).to.throw(HTTPProtocolError).with.property('code', 'HTTP_BODY_TOO_LARGE');
    const announced = new Intake({ kind: 'length', length: 5 });
    tooLarge(() => announced.open(sink(), 4));
    expect(announced.hasSink).to.equal(false);
    announced.open(sink(), 5);
    announced.push(Buffer.from('hello'));
    const chunks = new Intake({ kind: 'chunked' });
    const taker = sink();
    chunks.open(taker, 5);
    chunks.push(Buffer.from('hello'));
    tooLarge(() => chunks.push(Buffer.from('!')));
    expect(taker.told).to.deep.equal(['hello']);
  });
});
