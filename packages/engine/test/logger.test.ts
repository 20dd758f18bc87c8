import { ProtocolError, UsageError } from '@inseam/engine';
import { expect } from 'chai';
import { stderrLogger } from '#src/logger';

/** What `log` writes to stderr. */
function written(log: () => void): string {
  const { write } = process.stderr;
  let output = '';
  process.stderr.write = (text: string | Uint8Array) => {
    output += text;
    return true;
  };
  try {
    log();
  } finally {
    process.stderr.write = write;
  }
  return output;
}

describe('the default logger', () => {
  it('writes one line for a warning and for an error', () => {
    expect(written(() => stderrLogger.warn('low'))).to.equal('inseam warning: low\n');
    expect(written(() => stderrLogger.error('high'))).to.equal('inseam error: high\n');
  });

  it('is silent below', () => {
    expect(written(() => stderrLogger.debug('x'))).to.equal('');
    expect(written(() => stderrLogger.info('x'))).to.equal('');
  });

  it("shows code and message of a peer's mistake, and where a mistake in the code was made", () => {
    const peers = written(() => stderrLogger.warn('failed', new ProtocolError('CODE', 'wrong')));
    expect(peers).to.equal('inseam warning: failed: CODE wrong\n');
    const ours = written(() => stderrLogger.warn('failed', new UsageError('CODE', 'wrong')));
    expect(ours).to.match(/^inseam warning: failed: CODE UsageError: wrong \| at .*logger\.test/);
  });

  it("shows anybody else's error with its stack, on one line", () => {
    const output = written(() => stderrLogger.error('failed', new RangeError('too far')));
    expect(output).to.match(/^inseam error: failed: RangeError: too far \| at .*logger\.test.* \| at .*\n$/);
  });

  const cases: { name: string; error: unknown; expect: string }[] = [
    { name: 'text', error: 'text', expect: 'text' },
    { name: 'null', error: null, expect: 'null' },
    { name: 'a symbol', error: Symbol('s'), expect: 'Symbol(s)' },
    { name: 'an object', error: { a: 1 }, expect: '{ a: 1 }' },
    {
      name: 'an object without a prototype',
      error: Object.create(null),
      expect: '[Object: null prototype] {}',
    },
    {
      name: 'an error without a stack',
      error: Object.assign(new Error('bare'), { stack: undefined }),
      expect: 'bare',
    },
  ];
  for (const { name, error, expect: shown } of cases) {
    it(`shows ${name}, should somebody throw it`, () => {
      expect(written(() => stderrLogger.error('x', error))).to.equal(`inseam error: x: ${shown}\n`);
    });
  }

  it('lets no control character through: no forged line, no moved cursor', () => {
    const controls = [...Array(0x20).keys(), ...Array.from({ length: 0x21 }, (_, i) => 0x7f + i)];
    const nasty = String.fromCharCode(...controls);
    for (const log of [
      () => stderrLogger.warn(`a${nasty}b`),
      () => stderrLogger.warn('a', `${nasty}b`),
      () => stderrLogger.warn('a', new ProtocolError('C', `${nasty}b`)),
    ]) {
      const output = written(log);
      // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
      expect(output).to.match(/^inseam warning: a[^\0-\x1f\x7f-\x9f]*b\n$/);
    }
    expect(written(() => stderrLogger.warn('a\ninseam error: forged'))).to.equal(
      'inseam warning: a | inseam error: forged\n',
    );
  });
});
