import { expect } from 'chai';
import { BOUNDARY, chunkedFormPost, formPost, multipart, type Part } from '../support/multipart.js';
import { type SeenFile, type SeenForm, seeForm } from '../support/see-form.js';
import { uploadPlace } from '../support/upload-place.js';

type Fields = [name: string, value: string][];

const nameA = 'Content-Disposition: form-data; name=a';

const whole = (fields: Fields, files: readonly SeenFile[] = []): SeenForm => ({ fields, files });

describe('api: multipart forms', () => {
  uploadPlace();

  const cases: { name: string; parts: Part[]; fields?: Fields; files?: SeenFile[] }[] = [
    {
      name: 'fields are in order, repeated ones apart',
      parts: [
        { name: 'b', content: '1' },
        { name: 'a', content: '2' },
        { name: 'b', content: '3' },
      ],
      fields: [
        ['b', '1'],
        ['a', '2'],
        ['b', '3'],
      ],
    },
    { name: 'no parts at all', parts: [] },
    { name: 'a blank value', parts: [{ name: 'a' }], fields: [['a', '']] },
    {
      name: 'UTF-8 in name and value',
      parts: [{ name: 'naïve', content: 'ü🦔' }],
      fields: [['naïve', 'ü🦔']],
    },
    {
      name: 'bytes that are not UTF-8 are replaced',
      parts: [{ name: 'a', content: Buffer.of(0x61, 0xff) }],
      fields: [['a', 'a\ufffd']],
    },
    {
      name: 'a value in Latin-1, which says so',
      parts: [{ name: 'a', type: 'text/plain; charset=ISO-8859-1', content: Buffer.of(0xe4) }],
      fields: [['a', 'ä']],
    },
    {
      name: 'a value in UTF-16, which says so',
      parts: [{ name: 'a', type: 'text/plain;charset="utf-16le"', content: Buffer.from('ä', 'utf16le') }],
      fields: [['a', 'ä']],
    },
    {
      name: 'a value that names another type of text',
      parts: [{ name: 'a', type: 'application/json', content: '{}' }],
      fields: [['a', '{}']],
    },
    {
      name: 'a value of several lines',
      parts: [{ name: 'a', content: '1\r\n2\n3\r' }],
      fields: [['a', '1\r\n2\n3\r']],
    },
    {
      name: 'fields and files whose names objects have',
      parts: [
        { name: '__proto__', content: '1' },
        { name: '__proto__', filename: 'f', content: '2' },
        { name: 'constructor', filename: 'g', content: '3' },
      ],
      fields: [['__proto__', '1']],
      files: [
        ['__proto__', 'f', 'text/plain', '2'],
        ['constructor', 'g', 'text/plain', '3'],
      ],
    },
    {
      name: 'several files of one field, in order',
      parts: [
        { name: 'a', filename: '1', type: 'Image/PNG', content: 'x' },
        { name: 'b', filename: '2', type: 'text/csv; charset=latin1', content: 'y' },
        { name: 'a', filename: '3', content: 'z' },
      ],
      files: [
        ['a', '1', 'image/png', 'x'],
        ['a', '3', 'text/plain', 'z'],
        ['b', '2', 'text/csv', 'y'],
      ],
    },
    {
      name: 'a file input that was left empty, as browsers and curl send it, is no file',
      parts: [{ name: 'a', filename: '', type: 'application/octet-stream' }],
    },
    {
      name: 'a file that is empty is one',
      parts: [{ name: 'a', filename: 'empty.txt', type: 'text/plain' }],
      files: [['a', 'empty.txt', 'text/plain', '']],
    },
    {
      name: 'bytes without a file name are a file without a name',
      parts: [{ name: 'a', type: 'application/octet-stream', content: '\0' }],
      files: [['a', '', 'application/octet-stream', '\0']],
    },
    {
      name: 'a type that is none is taken for text',
      parts: [{ name: 'a', filename: 'f', type: 'nonsense', content: 'x' }],
      files: [['a', 'f', 'text/plain', 'x']],
    },
    {
      name: 'a transfer encoding, which RFC 7578 §4.7 does away with, is not undone',
      parts: [{ name: 'a', filename: 'f', lines: ['Content-Transfer-Encoding: base64'], content: 'YQ==' }],
      files: [['a', 'f', 'text/plain', 'YQ==']],
    },
    {
      name: 'further header fields of a part, and a folded one',
      parts: [
        {
          lines: ['X-A: b', 'content-disposition: FORM-DATA;', '\tName=a; filename=f', 'Content-ID: <1>'],
          content: 'x',
        },
      ],
      files: [['a', 'f', 'text/plain', 'x']],
    },
    {
      name: 'a part that is not of a form is passed over',
      parts: [
        { lines: ['Content-Type: text/plain'], content: 'no disposition' },
        { lines: ['Content-Disposition: attachment; name=b'], content: 'of another kind' },
        { lines: ['Content-Disposition:'], content: 'of no kind' },
        { name: 'a', content: '1' },
      ],
      fields: [['a', '1']],
    },
    {
      name: 'content that looks like a boundary',
      parts: [
        {
          name: 'a',
          content: `\r\n--${BOUNDARY.slice(0, -1)}\r\n-${BOUNDARY}\n--${BOUNDARY}\r--${BOUNDARY}--${BOUNDARY}--\r\r\n`,
        },
      ],
      fields: [
        [
          'a',
          `\r\n--${BOUNDARY.slice(0, -1)}\r\n-${BOUNDARY}\n--${BOUNDARY}\r--${BOUNDARY}--${BOUNDARY}--\r\r\n`,
        ],
      ],
    },
  ];
  for (const { name, parts, fields = [], files = [] } of cases) {
    it(name, async () => {
      const form = multipart(parts);
      expect(await seeForm(formPost(form)), 'whole').to.deep.equal(whole(fields, files));
      expect(await seeForm(chunkedFormPost(form, 1)), 'byte by byte').to.deep.equal(whole(fields, files));
    });
  }

  const A = [{ name: 'a', content: '1' }];
  const seenA = whole([['a', '1']]);
  const spelled: { name: string; lines: string[]; boundary?: string; expect: SeenForm | string }[] = [
    { name: 'in another case', lines: ['content-type: Multipart/FORM-data; BOUNDARY=x'], expect: seenA },
    { name: 'with spaces', lines: ['Content-Type:\tmultipart/form-data\t; boundary=x '], expect: seenA },
    { name: 'without any', lines: ['Content-Type:multipart/form-data;boundary=x'], expect: seenA },
    {
      name: 'with other parameters',
      lines: ['Content-Type: multipart/form-data; charset=utf-8; boundary=x; z="y"'],
      expect: seenA,
    },
    {
      name: 'with a quoted boundary',
      lines: ['Content-Type: multipart/form-data; boundary="a b:c"'],
      boundary: 'a b:c',
      expect: seenA,
    },
    {
      name: 'with two boundaries, the first of which counts',
      lines: ['Content-Type: multipart/form-data; boundary=x; boundary=y'],
      expect: seenA,
    },
    {
      name: 'with a boundary of 70 characters',
      lines: [`Content-Type: multipart/form-data; boundary=${'b'.repeat(70)}`],
      boundary: 'b'.repeat(70),
      expect: seenA,
    },
    {
      name: 'with one of 5,000',
      lines: [`Content-Type: multipart/form-data; boundary=${'b'.repeat(5_000)}`],
      boundary: 'b'.repeat(5_000),
      expect: seenA,
    },
    {
      name: 'behind other fields',
      lines: ['X-Type: text/plain', 'Content-Type: multipart/form-data; boundary=x'],
      expect: seenA,
    },
    {
      name: 'that is another field’s',
      lines: ['Content-Type: text/plain', 'X-Content-Type: multipart/form-data; boundary=x'],
      expect: whole([]),
    },
    { name: 'without a boundary', lines: ['Content-Type: multipart/form-data'], expect: '400 HTTP_FORM' },
    {
      name: 'with a boundary of no value',
      lines: ['Content-Type: multipart/form-data; boundary='],
      expect: '400 HTTP_FORM',
    },
    {
      name: 'with a boundary that is not quoted and ought to be',
      lines: ['Content-Type: multipart/form-data; boundary=a b'],
      expect: '400 HTTP_FORM',
    },
    {
      name: 'with an open quote',
      lines: ['Content-Type: multipart/form-data; boundary="x'],
      expect: '400 HTTP_FORM',
    },
    {
      name: 'twice',
      lines: [
        'Content-Type: multipart/form-data; boundary=x',
        'Content-Type: multipart/form-data; boundary=x',
      ],
      expect: '400 HTTP_FORM',
    },
    {
      name: 'after another one',
      lines: ['Content-Type: text/plain', 'Content-Type: multipart/form-data; boundary=x'],
      expect: '400 HTTP_FORM',
    },
    { name: 'multipart/mixed', lines: ['Content-Type: multipart/mixed; boundary=x'], expect: whole([]) },
    {
      name: 'multipart/form-data-x',
      lines: ['Content-Type: multipart/form-data-x; boundary=x'],
      expect: whole([]),
    },
  ];
  for (const { name, lines, boundary = 'x', expect: expected } of spelled) {
    it(`a content type ${name}`, async () => {
      expect(await seeForm(formPost(multipart(A, boundary), ...lines))).to.deep.equal(expected);
    });
  }

  const whenWritten: { name: string; form: string; expect: SeenForm | string }[] = [
    {
      name: 'a preamble and an epilogue say nothing',
      form: `hello\r\n--B\r\n${nameA}\r\n\r\n1\r\n--B--\r\nbye\r\n--B\r\n`,
      expect: seenA,
    },
    {
      name: 'nothing need follow the last boundary',
      form: `--B\r\n${nameA}\r\n\r\n1\r\n--B--`,
      expect: seenA,
    },
    { name: 'lines that end in LF alone', form: `--B\n${nameA}\n\n1\n--B--\n`, expect: '400 HTTP_FORM' },
    {
      name: 'a header line that ends in LF alone',
      form: `--B\r\n${nameA}\n\r\n1\r\n--B--\r\n`,
      expect: '400 HTTP_FORM',
    },
    {
      name: 'a header line without a colon',
      form: `--B\r\n${nameA}\r\nx\r\n\r\n1\r\n--B--\r\n`,
      expect: '400 HTTP_FORM',
    },
    {
      name: 'a header line without a name',
      form: `--B\r\n: x\r\n\r\n1\r\n--B--\r\n`,
      expect: '400 HTTP_FORM',
    },
    {
      name: 'a header line with a control character',
      form: `--B\r\n${nameA}\r\nX: \x01\r\n\r\n1\r\n--B--\r\n`,
      expect: '400 HTTP_FORM',
    },
    { name: 'a part without a header section', form: '--B\r\n\r\n1\r\n--B--\r\n', expect: '400 HTTP_FORM' },
    {
      name: 'a part with a header section of 16 KiB and more',
      form: `--B\r\n${nameA}\r\nX: ${'x'.repeat(16_384)}\r\n\r\n1\r\n--B--\r\n`,
      expect: '400 HTTP_FORM',
    },
    {
      name: 'a field without a name',
      form: '--B\r\nContent-Disposition: form-data\r\n\r\n1\r\n--B--\r\n',
      expect: '400 HTTP_FORM',
    },
    {
      name: 'a field with an empty name',
      form: '--B\r\nContent-Disposition: form-data; name=""\r\n\r\n1\r\n--B--\r\n',
      expect: '400 HTTP_FORM',
    },
    {
      name: 'a file without a name of its field',
      form: '--B\r\nContent-Disposition: form-data; filename=f\r\n\r\n1\r\n--B--\r\n',
      expect: '400 HTTP_FORM',
    },
    {
      name: 'a value of a charset that nobody knows',
      form: `--B\r\n${nameA}\r\nContent-Type: text/plain; charset=nobody\r\n\r\n1\r\n--B--\r\n`,
      expect: '400 HTTP_FORM',
    },
    { name: 'content that has no boundary in it', form: 'a=1', expect: '400 HTTP_FORM' },
    {
      name: 'a malformed part behind a good one and a file',
      form: `--B\r\n${nameA}\r\n\r\n1\r\n--B\r\n${nameA}; filename=f\r\n\r\n1\r\n--B\r\n\r\n--B--\r\n`,
      expect: '400 HTTP_FORM',
    },
  ];
  for (const { name, form, expect: expected } of whenWritten) {
    it(typeof expected === 'string' ? `refuses ${name}` : name, async () => {
      const bytes = formPost(Buffer.from(form, 'latin1'), 'Content-Type: multipart/form-data; boundary=B');
      expect(await seeForm(bytes)).to.deep.equal(expected);
      expect(await seeForm([...bytes].map((byte) => Buffer.of(byte))), 'byte by byte').to.deep.equal(
        expected,
      );
    });
  }
});
