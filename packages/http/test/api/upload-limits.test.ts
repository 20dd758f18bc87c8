import type { HTTPLimits, HTTPServerOptions } from '@inseam/http';
import { expect } from 'chai';
import { get, post } from '../support/message.js';
import { chunkedFormPost, FORM_TYPE, formPost, multipart, type Part } from '../support/multipart.js';
import { readRefusal } from '../support/refusal.js';
import { seeForm } from '../support/see-form.js';
import { field, file, KIB, many } from '../support/upload-parts.js';
import { eventually, uploadPlace } from '../support/upload-place.js';
import { wire } from '../support/wire.js';

describe('api: limits of a form', () => {
  const place = uploadPlace();

  const cases: {
    name: string;
    parts: Part[];
    limits?: Partial<HTTPLimits>;
    options?: HTTPServerOptions;
    isTaken: boolean;
  }[] = [
    { name: 'maxFields fields', parts: many(3, field(1)), limits: { maxFields: 3 }, isTaken: true },
    {
      name: 'a field more than maxFields',
      parts: many(4, field(1)),
      limits: { maxFields: 3 },
      isTaken: false,
    },
    { name: 'maxFiles files', parts: many(3, file(2)), limits: { maxFiles: 3 }, isTaken: true },
    { name: 'a file more than maxFiles', parts: many(4, file(2)), limits: { maxFiles: 3 }, isTaken: false },
    {
      name: 'maxFields fields and maxFiles files',
      parts: [...many(2, file(2)), ...many(3, field(1)), file(2)],
      limits: { maxFiles: 3, maxFields: 3 },
      isTaken: true,
    },
    {
      name: 'a part more, though it says nothing',
      parts: [...many(3, file(2)), ...many(3, field(1)), { lines: ['X: y'] }],
      limits: { maxFiles: 3, maxFields: 3 },
      isTaken: false,
    },
    { name: 'a value of maxFieldBytes', parts: [field(9)], limits: { maxFieldBytes: 9 }, isTaken: true },
    { name: 'a value a byte longer', parts: [field(10)], limits: { maxFieldBytes: 9 }, isTaken: false },
    { name: 'a value far longer', parts: [field(100 * KIB)], limits: { maxFieldBytes: 9 }, isTaken: false },
    {
      name: 'a value whose characters are few and whose bytes are not',
      parts: [{ name: 'a', content: 'äääää' }],
      limits: { maxFieldBytes: 9 },
      isTaken: false,
    },
    {
      name: 'a value that is longer in its own charset than in UTF-8',
      parts: [{ name: 'a', type: 'text/plain; charset=utf-16le', content: Buffer.alloc(18, 'v\0') }],
      limits: { maxFieldBytes: 9 },
      isTaken: false,
    },
    {
      name: 'a value that is longer in UTF-8 than in its own charset',
      parts: [{ name: 'a', type: 'text/plain; charset=latin1', content: Buffer.alloc(5, 'ä', 'latin1') }],
      limits: { maxFieldBytes: 9 },
      isTaken: false,
    },
    {
      name: 'a name of maxFieldNameBytes',
      parts: [field(1, 'nnn')],
      limits: { maxFieldNameBytes: 3 },
      isTaken: true,
    },
    {
      name: 'a name a byte longer',
      parts: [field(1, 'nnnn')],
      limits: { maxFieldNameBytes: 3 },
      isTaken: false,
    },
    {
      name: 'a file’s name of maxFieldNameBytes',
      parts: [file(2, 'nnn')],
      limits: { maxFieldNameBytes: 3 },
      isTaken: true,
    },
    {
      name: 'a file’s name a byte longer',
      parts: [file(2, 'nnnn')],
      limits: { maxFieldNameBytes: 3 },
      isTaken: false,
    },
    {
      name: 'files of maxFileBytes',
      parts: [file(99), file(99)],
      limits: { maxFileBytes: 99 },
      isTaken: true,
    },
    {
      name: 'a file a byte longer',
      parts: [file(99), file(100)],
      limits: { maxFileBytes: 99 },
      isTaken: false,
    },
    {
      name: 'a file a byte longer, in memory',
      parts: [file(100)],
      limits: { maxFileBytes: 99, fileMemoryBytes: 200 },
      isTaken: false,
    },
    {
      name: 'a file far longer, on the disk',
      parts: [file(900 * KIB)],
      limits: { maxFileBytes: 600 * KIB },
      isTaken: false,
    },
    {
      name: 'fields that are maxRequest together',
      parts: [field(4), field(4)],
      options: { maxRequest: 10, maxUpload: 1e9 },
      isTaken: true,
    },
    {
      name: 'fields that are a byte more than maxRequest together',
      parts: [field(4), field(5)],
      options: { maxRequest: 10, maxUpload: 1e9 },
      isTaken: false,
    },
    {
      name: 'fields whose bytes are more than maxRequest together',
      parts: [field(2), { name: 'a', content: 'äääö' }],
      options: { maxRequest: 10, maxUpload: 1e9 },
      isTaken: false,
    },
    {
      name: 'one field longer than maxRequest',
      parts: [field(10)],
      options: { maxRequest: 10, maxUpload: 1e9 },
      isTaken: false,
    },
    {
      name: 'a form of nothing but files far beyond maxRequest',
      parts: [file(900 * KIB)],
      options: { maxRequest: 10, maxUpload: 1e9 },
      isTaken: true,
    },
  ];
  for (const { name, parts, limits = {}, options = {}, isTaken } of cases) {
    it(`${isTaken ? 'takes' : 'answers 413 to'} ${name}`, async () => {
      const with1 = { ...options, limits: { fileMemoryBytes: 1, ...limits } };
      for (const bytes of [formPost(parts), chunkedFormPost(multipart(parts), 3_000)]) {
        const seen = await seeForm(bytes, with1);
        if (isTaken) {
          const { fields, files } = seen as Exclude<typeof seen, string>;
          expect(fields.length + files.length).to.equal(parts.length);
        } else expect(seen).to.equal('413 HTTP_FORM_TOO_LARGE');
      }
    });
  }

  it('maxUpload is of the whole content, and nothing is asked for that is announced beyond it', async () => {
    const form = multipart([file(500)]);
    const options = { maxRequest: 10, maxUpload: form.length };
    const less = { maxRequest: 10, maxUpload: form.length - 1 };
    for (const expectation of [[], ['Expect: 100-continue']]) {
      const sized = formPost(form, ...expectation);
      const chunked = chunkedFormPost(form, 100, ...expectation);
      expect(await seeForm(sized, options))
        .to.have.property('files')
        .with.length(1);
      expect(await seeForm(chunked, options))
        .to.have.property('files')
        .with.length(1);
      expect(await seeForm(sized, less)).to.equal('413 HTTP_BODY_TOO_LARGE');
      expect(await seeForm(chunked, less)).to.equal('413 HTTP_BODY_TOO_LARGE');
    }
  });

  it('a client that waits for 100 Continue is told 413 instead when it announces too much', async () => {
    const far = wire(() => {}, { maxUpload: 99 });
    const head = (length: number) => post('', FORM_TYPE, `Content-Length: ${length}`, 'Expect: 100-continue');
    expect(readRefusal(far, await far.exchange(head(100)))).to.equal('413 HTTP_BODY_TOO_LARGE');
    expect(await far.another().exchange(head(99))).to.equal('HTTP/1.1 100 Continue\r\n\r\n');
  });

  it('without maxUpload that is maxRequest', async () => {
    const form = multipart([file(500)]);
    expect(await seeForm(formPost(form), { maxRequest: form.length - 1 })).to.equal(
      '413 HTTP_BODY_TOO_LARGE',
    );
    expect(await seeForm(formPost(form), { maxRequest: form.length })).to.have.property('files');
  });

  it('other content has maxRequest, however large maxUpload is', async () => {
    const bytes = formPost(Buffer.alloc(11), 'Content-Type: text/plain');
    expect(await seeForm(bytes, { maxRequest: 10, maxUpload: 1e9 })).to.equal('413 HTTP_BODY_TOO_LARGE');
  });

  it('an early handler sets a limit of its own for one request', async () => {
    const form = multipart([file(500)]);
    const options = (bytes: number): HTTPServerOptions => ({
      maxRequest: 10,
      earlyHandler: (request) => {
        expect(request.maxUpload).to.equal(10);
        request.maxUpload = bytes;
        expect(request.maxUpload).to.equal(bytes);
      },
    });
    expect(await seeForm(formPost(form), options(form.length)))
      .to.have.property('files')
      .with.length(1);
    expect(await seeForm(formPost(form), options(form.length - 1))).to.equal('413 HTTP_BODY_TOO_LARGE');
    expect(await seeForm(formPost(form), options(Number.POSITIVE_INFINITY))).to.have.property('files');
  });

  for (const wrong of [-1, Number.NaN, '1']) {
    it(`${JSON.stringify(wrong)} is no limit`, async () => {
      const codes: unknown[] = [];
      const far = wire((request) => {
        try {
          request.maxUpload = wrong as number;
        } catch (error) {
          codes.push((error as NodeJS.ErrnoException).code);
        }
        request.finish();
      });
      await far.exchange(get());
      expect(codes).to.deep.equal(['HTTP_OPTION']);
    });
  }

  it('1,000 parts without content are a thousand fields, and nothing more is kept of 100,000', async () => {
    expect(await seeForm(formPost(many(1_000, field(0)))))
      .to.have.property('fields')
      .with.length(1_000);
    let pushed = 0;
    const far = wire(() => {}, { maxUpload: 1e9 });
    const form = multipart(many(100_000, { name: 'a', filename: '', type: 'application/octet-stream' }));
    far.send(post('', FORM_TYPE, `Content-Length: ${form.length}`));
    while (!far.ended && pushed < form.length) {
      far.send(form.subarray(pushed, pushed + 65_536));
      pushed += 65_536;
      await far.settle();
    }
    expect(readRefusal(far, await far.take())).to.equal('413 HTTP_FORM_TOO_LARGE');
    expect(pushed).to.equal(65_536);
  });

  it('what was on the disk is gone with the refusal', async () => {
    const far = wire(() => {}, { limits: { fileMemoryBytes: 1, maxFields: 1 } });
    const form = multipart([file(300 * KIB), field(1), field(1)]);
    far.send(post('', FORM_TYPE, `Content-Length: ${form.length}`));
    far.send(form.subarray(0, 290 * KIB));
    await eventually(() => place.files().length === 1);
    far.send(form.subarray(290 * KIB));
    await eventually(() => far.ended);
    expect(readRefusal(far, await far.take())).to.equal('413 HTTP_FORM_TOO_LARGE');
    await eventually(() => place.files().length === 0);
  });
});
