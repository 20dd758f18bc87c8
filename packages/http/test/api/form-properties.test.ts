import { expect } from 'chai';
import fc from 'fast-check';
import { BOUNDARY, chunkedFormPost, formPost, multipart, type Part } from '../support/multipart.js';
import { type SeenFile, type SeenForm, seeForm } from '../support/see-form.js';
import { uploadPlace } from '../support/upload-place.js';

type Fields = [name: string, value: string][];

const whole = (fields: Fields, files: readonly SeenFile[] = []): SeenForm => ({ fields, files });

describe('api: multipart forms, cut and compared', () => {
  uploadPlace();

  const reference: Part[] = [
    { name: 'title', content: 'ä\r\n-' },
    {
      name: 'photo',
      filename: 'ä.png',
      type: 'image/png',
      content: Buffer.from('\x89PNG\r\n\x1a\n\r\n--', 'latin1'),
    },
    { name: 'empty', filename: '', type: 'application/octet-stream' },
    { name: 'photo', filename: 'b', content: 'z'.repeat(40) },
  ];
  const seenReference = whole(
    [['title', 'ä\r\n-']],
    [
      ['photo', 'ä.png', 'image/png', '\x89PNG\r\n\x1a\n\r\n--'],
      ['photo', 'b', 'text/plain', 'z'.repeat(40)],
    ],
  );

  it('a form that ends anywhere before its last boundary is refused, with files on the disk or not', async () => {
    const form = multipart(reference);
    const end = form.length - '\r\n'.length;
    for (const fileMemoryBytes of [1, 65_536]) {
      for (let length = 1; length <= form.length; length++) {
        const seen = await seeForm(formPost(form.subarray(0, length)), { limits: { fileMemoryBytes } });
        expect(seen, `${length} of ${form.length}`).to.deep.equal(
          length < end ? '400 HTTP_FORM' : seenReference,
        );
      }
    }
  });

  it('a form cut anywhere is the same form', async () => {
    const whole = [formPost(reference), chunkedFormPost(multipart(reference), 7)];
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...whole),
        fc.array(fc.nat(900), { maxLength: 12 }),
        fc.constantFrom(1, 20, 65_536),
        async (bytes, cuts, fileMemoryBytes) => {
          const at = [0, ...cuts.filter((cut) => cut < bytes.length).sort((a, b) => a - b), bytes.length];
          const chunks = at.slice(1).map((end, i) => bytes.subarray(at[i], end));
          expect(await seeForm(chunks, { limits: { fileMemoryBytes } })).to.deep.equal(seenReference);
        },
      ),
      { numRuns: 100 },
    );
  });

  it('a form means what the platform’s own reader says', async () => {
    const content = fc.oneof(
      fc.uint8Array({ maxLength: 60 }),
      fc
        .array(fc.constantFrom('\r', '\n', '-', '--', BOUNDARY.slice(0, -1), 'x', '\r\n--'), {
          maxLength: 8,
        })
        .map((pieces) => Buffer.from(pieces.join(''))),
    );
    const name = fc
      .string({ unit: 'grapheme', minLength: 1, maxLength: 8 })
      .filter((text) => !/[\p{Cc}\\%"]/u.test(text));
    const part: fc.Arbitrary<Part> = fc.oneof(
      fc.record({ name, content }),
      fc.record({
        name,
        content,
        filename: name.filter((text) => !/^\.\.?$|\//.test(text)),
        type: fc.constantFrom('text/plain', 'image/png'),
      }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(part, { maxLength: 5 }), async (parts) => {
        const form = multipart(parts);
        const oracle = await new Response(form, {
          headers: { 'Content-Type': `multipart/form-data; boundary=${BOUNDARY}` },
        }).formData();
        const fields: Fields = [];
        const files = new Map<string, SeenFile[]>();
        for (const [name, value] of oracle) {
          if (typeof value === 'string') fields.push([name, value]);
          else {
            const bytes = Buffer.from(await value.arrayBuffer()).toString('latin1');
            files.set(name, [...(files.get(name) ?? []), [name, value.name, value.type, bytes]]);
          }
        }
        const seen = await seeForm(formPost(form));
        expect(seen).to.have.property('fields').that.deep.equals(fields);
        expect(seen)
          .to.have.property('files')
          .that.has.deep.members([...files.values()].flat());
      }),
      { numRuns: 150 },
    );
  });
});
