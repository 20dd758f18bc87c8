import { expect } from 'chai';
import fc from 'fast-check';
import { Struct } from '#src/struct/struct';
import type { StructValue } from '#src/struct/struct-letters';
import { itWith, runTool } from '../support/debian-tool.js';
import { type Sample, structSamples } from '../support/struct-samples.js';

/** Values cross as text with their Python type: a double as its bytes, so that nothing is lost on the way. */
type Crossing = [type: 'int' | 'float' | 'bytes' | 'bool', text: string];

interface Answer {
  size: number;
  hex: string;
  unpacked: Crossing[];
  fromNoise: Crossing[];
}

const PYTHON = `
import json, struct, sys
def load(kind, text):
    if kind == 'float': return struct.unpack('>d', bytes.fromhex(text))[0]
    if kind == 'bytes': return bytes.fromhex(text)
    return int(text)
def dump(value):
    if type(value) is float: return ['float', struct.pack('>d', value).hex()]
    if type(value) is bytes: return ['bytes', value.hex()]
    return [type(value).__name__, str(int(value))]
def answer(case):
    try: s = struct.Struct(case['format'])
    except (struct.error, UnicodeEncodeError): return None
    packed = s.pack(*(load(*value) for value in case['values']))
    noise = (bytes.fromhex(case['noise']) * (s.size // 64 + 1))[:s.size]
    return {'size': s.size, 'hex': packed.hex(), 'unpacked': [dump(v) for v in s.unpack(packed)],
            'fromNoise': [dump(v) for v in s.unpack(noise)]}
print(json.dumps([answer(case) for case in json.load(sys.stdin)]))
`;

async function askPython(cases: readonly Sample[], noise: Buffer): Promise<(Answer | null)[]> {
  const rows = cases.map(({ format, values }) => ({
    format,
    values: dumpAll(format, values),
    noise: noise.toString('hex'),
  }));
  return JSON.parse(await runTool('python3', ['-c', PYTHON], JSON.stringify(rows))) as (Answer | null)[];
}

/** The letter of each value: a number alone does not tell whether it is Python's int or float. */
function lettersOf(format: string): string[] {
  return [...format.matchAll(/(\d*)([a-zA-Z?])/g)].flatMap(([, count = '', letter = '']) => {
    const repeat = letter === 'x' ? 0 : count === '' || 'sp'.includes(letter) ? 1 : Number(count);
    return Array<string>(repeat).fill(letter);
  });
}

function dumpAll(format: string, values: readonly StructValue[]): Crossing[] {
  const letters = values.length === 0 ? [] : lettersOf(format);
  return values.map((value, index) => dump(value, letters[index] ?? ''));
}

function dump(value: StructValue, letter: string): Crossing {
  if (Buffer.isBuffer(value)) return ['bytes', value.toString('hex')];
  if (typeof value === 'boolean') return ['bool', value ? '1' : '0'];
  if (typeof value === 'bigint' || !'efd'.includes(letter)) return ['int', String(value)];
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleBE(value);
  return ['float', bytes.toString('hex')];
}

/** One bit pattern for all that is not a number: what V8 keeps of the others is its own affair. */
function withOneNaN(values: readonly Crossing[]): Crossing[] {
  return values.map(([type, text]) => {
    const isNumber = type !== 'float' || !Number.isNaN(Buffer.from(text, 'hex').readDoubleBE());
    return [type, isNumber ? text : 'NaN'];
  });
}

const byHand: Sample[] = [
  { format: '', values: [] },
  { format: 'bhilqnP', values: [-1, -2, -3, -4n, -5n, -6n, 7n] },
  {
    format: 'cbB?hHiIlLqQnNefdspP',
    values: [
      Buffer.from('c'),
      1,
      2,
      true,
      3,
      4,
      5,
      6,
      7n,
      8n,
      9n,
      10n,
      11n,
      12n,
      0.5,
      1.5,
      2.5,
      Buffer.from('s'),
      Buffer.alloc(0),
      13n,
    ],
  },
  {
    format: '<cbB?hHiIlLqQefdsp',
    values: [
      Buffer.from('c'),
      1,
      2,
      true,
      3,
      4,
      5,
      6,
      7,
      8,
      9n,
      10n,
      0.5,
      1.5,
      2.5,
      Buffer.from('s'),
      Buffer.alloc(0),
    ],
  },
  { format: 'b0q b0h 3xi', values: [1, 2, 3] },
  { format: '10s 3p', values: [Buffer.from('ab'), Buffer.from('c')] },
  ...[0.1, 1 / 3, 65_519.99, 2 ** -25, 2 ** -25 * 1.0001, 2049, 2051, 1e-9, -1e-9].map((value) => ({
    format: '>efd',
    values: [value, value, value],
  })),
];

const refused = [
  'F',
  '3',
  'h3',
  '3 h',
  ' <h',
  '<>',
  '<n',
  '!N',
  '=P',
  'h\u00a0',
  'é',
  '$',
  'B$',
  '-1h',
  '99999999999999999999h',
];

describe('Struct beside Python', () => {
  const noise = Buffer.from(Array.from({ length: 64 }, (_, index) => (index * 151 + 7) & 0xff));

  itWith('python3', 'has its sizes, packs its bytes and unpacks its values', async () => {
    const cases = [...byHand, ...fc.sample(structSamples, { seed: 7, numRuns: 500 })];
    const answers = await askPython(cases, noise);
    for (const [index, { format, values }] of cases.entries()) {
      const struct = new Struct(format);
      const packed = struct.pack(...values);
      const fromNoise = struct.unpack(Buffer.alloc(struct.size, noise));
      expect(answers[index], format).to.deep.include({ size: struct.size, hex: packed.toString('hex') });
      expect(dumpAll(format, struct.unpack(packed)), format).to.deep.equal(answers[index]?.unpacked);
      expect(withOneNaN(dumpAll(format, fromNoise)), format).to.deep.equal(
        withOneNaN(answers[index]?.fromNoise ?? []),
      );
    }
  });

  itWith('python3', 'refuses the formats that it refuses', async () => {
    const answers = await askPython(
      refused.map((format) => ({ format, values: [] })),
      noise,
    );
    for (const [index, format] of refused.entries()) {
      expect(answers[index], format).to.equal(null);
      expect(() => new Struct(format), format)
        .to.throw()
        .with.property('code', 'ENGINE_STRUCT_FORMAT');
    }
  });
});
