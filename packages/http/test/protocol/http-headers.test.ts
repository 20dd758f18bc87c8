import { UsageError } from '@inseam/engine';
import { HTTPHeaders } from '@inseam/http';
import { expect } from 'chai';

const badNames = ['', 'a b', 'a:', 'a\r\nb', 'é', 'a\0', '(a)'];
const badValues = ['a\r\nX: y', 'a\rb', 'a\nb', 'a\0b', '\x7f', '\x1b', 'Ā', '漢'];

describe('protocol: HTTPHeaders', () => {
  const headers = () =>
    new HTTPHeaders([
      ['Set-Cookie', 'a=1'],
      ['X-One', '1'],
      ['set-cookie', 'b=2'],
    ]);

  it('finds names without case', () => {
    expect(headers().get('x-ONE')).to.equal('1');
    expect(headers().has('SET-COOKIE')).to.equal(true);
    expect(headers().has('none')).to.equal(false);
    expect(headers().get('none')).to.equal(null);
    expect(headers().getAll('none')).to.deep.equal([]);
  });

  it('keeps order, repetition and the spelling of names', () => {
    expect([...headers()]).to.deep.equal([
      ['Set-Cookie', 'a=1'],
      ['X-One', '1'],
      ['set-cookie', 'b=2'],
    ]);
    expect(headers().getAll('Set-Cookie')).to.deep.equal(['a=1', 'b=2']);
  });

  it('joins repeated fields by commas, Cookie by semicolons', () => {
    expect(
      new HTTPHeaders([
        ['A', '1'],
        ['a', '2'],
      ]).get('A'),
    ).to.equal('1, 2');
    expect(
      new HTTPHeaders([
        ['Cookie', 'a=1'],
        ['cookie', 'b=2'],
      ]).get('Cookie'),
    ).to.equal('a=1; b=2');
  });

  it('appends, replaces and deletes', () => {
    const some = headers().append('X-Two', 2).set('SET-COOKIE', 'c=3');
    expect([...some]).to.deep.equal([
      ['X-One', '1'],
      ['X-Two', '2'],
      ['SET-COOKIE', 'c=3'],
    ]);
    expect([some.delete('x-one'), some.delete('x-one')]).to.deep.equal([true, false]);
    expect([...some].length).to.equal(2);
  });

  it('is made from a record, in which an array repeats the field', () => {
    expect([...new HTTPHeaders({ A: 'x', B: ['y', 'z'], C: 3 })]).to.deep.equal([
      ['A', 'x'],
      ['B', 'y'],
      ['B', 'z'],
      ['C', '3'],
    ]);
    expect([...new HTTPHeaders(headers())]).to.deep.equal([...headers()]);
    expect([...new HTTPHeaders()]).to.deep.equal([]);
  });

  it('reads a block of checked lines', () => {
    const block = HTTPHeaders.fromBlock('A: 1\r\nB:\r\nc:\t x:y \r\n');
    expect([...block]).to.deep.equal([
      ['A', '1'],
      ['B', ''],
      ['c', 'x:y'],
    ]);
    expect([...HTTPHeaders.fromBlock('')]).to.deep.equal([]);
  });

  it('fold and are the same afterwards, changes included', () => {
    const headers = HTTPHeaders.fromBlock('A: 1\r\nB: 2\r\n');
    expect(headers.delete('nothing')).to.equal(false);
    for (const change of [() => {}, () => headers.append('C', '3'), () => headers.delete('A'), () => {}]) {
      change();
      const before = headers.toJSON();
      headers.fold();
      expect(headers.toJSON()).to.deep.equal(before);
    }
    expect(headers.toJSON()).to.deep.equal([
      ['B', '2'],
      ['C', '3'],
    ]);
    const made = new HTTPHeaders({ X: '1' });
    made.fold();
    expect(made.get('x')).to.equal('1');
  });

  for (const name of badNames) {
    it(`refuses the name ${JSON.stringify(name)}`, () => {
      for (const add of [
        () => new HTTPHeaders([[name, 'x']]),
        () => headers().append(name, 'x'),
        () => headers().set(name, 'x'),
      ]) {
        expect(add).to.throw(UsageError).with.property('code', 'HTTP_HEADER_NAME');
      }
    });
  }

  for (const value of badValues) {
    it(`refuses the value ${JSON.stringify(value)}`, () => {
      const some = headers();
      for (const add of [() => some.append('X', value), () => some.set('X-One', value)]) {
        expect(add).to.throw(UsageError).with.property('code', 'HTTP_HEADER_VALUE');
      }
      expect([...some], 'nothing has changed').to.deep.equal([...headers()]);
    });
  }
});
