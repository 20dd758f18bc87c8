import { expect } from 'chai';
import { post } from '../support/message.js';
import { type SeenForm, seeForm } from '../support/see-form.js';

type Fields = [name: string, value: string][];

const URL_ENCODED = 'application/x-www-form-urlencoded';

function urlEncoded(content: string, type: string | null = URL_ENCODED): Buffer {
  const bytes = Buffer.from(content, 'utf8');
  const lines = type === null ? [] : [`Content-Type: ${type}`];
  return Buffer.concat([Buffer.from(post('', ...lines, `Content-Length: ${bytes.length}`)), bytes]);
}

const whole = (fields: Fields): SeenForm => ({ fields, files: [] });

describe('api: URL-encoded forms', () => {
  const cases: { name: string; content: string; expect: Fields }[] = [
    {
      name: 'fields are in order, repeated ones apart',
      content: 'b=1&a=2&b=3',
      expect: [
        ['b', '1'],
        ['a', '2'],
        ['b', '3'],
      ],
    },
    {
      name: 'a blank value and a blank name are kept',
      content: 'a=&b&=c',
      expect: [
        ['a', ''],
        ['b', ''],
        ['', 'c'],
      ],
    },
    { name: 'nothing between two marks is no field', content: '&&a=1&', expect: [['a', '1']] },
    { name: 'plus is a space, percent a byte', content: 'a+b=%2B+%26%3D', expect: [['a b', '+ &=']] },
    { name: 'percent that encodes nothing stays', content: 'a=%zz%', expect: [['a', '%zz%']] },
    { name: 'UTF-8, encoded or not', content: 'na%C3%AFve=ü🦔', expect: [['naïve', 'ü🦔']] },
    { name: 'bytes that are not UTF-8 are replaced', content: 'a=%FF', expect: [['a', '\ufffd']] },
    { name: 'a leading question mark belongs to the name', content: '?a=1', expect: [['?a', '1']] },
    {
      name: 'names that objects have mean nothing',
      content: '__proto__=1&constructor=2',
      expect: [
        ['__proto__', '1'],
        ['constructor', '2'],
      ],
    },
    { name: 'an equals sign in a value', content: 'a=b=c', expect: [['a', 'b=c']] },
    { name: 'lines end as they were sent', content: 'a=1%0D%0A2', expect: [['a', '1\r\n2']] },
  ];
  for (const { name, content, expect: expected } of cases) {
    it(name, async () => {
      expect(await seeForm(urlEncoded(content))).to.deep.equal(whole(expected));
    });
  }

  const types: { type: string | null; isForm: boolean }[] = [
    { type: 'Application/X-WWW-Form-URLencoded', isForm: true },
    { type: `${URL_ENCODED}; charset=UTF-8`, isForm: true },
    { type: `${URL_ENCODED} ;charset=UTF-8`, isForm: true },
    { type: `${URL_ENCODED}\t`, isForm: true },
    { type: `${URL_ENCODED};`, isForm: true },
    { type: `${URL_ENCODED}x`, isForm: false },
    { type: `x-${URL_ENCODED}`, isForm: false },
    { type: `${URL_ENCODED}, text/plain`, isForm: false },
    { type: 'text/plain', isForm: false },
    { type: '', isForm: false },
    { type: null, isForm: false },
  ];
  for (const { type, isForm } of types) {
    it(`content of type ${JSON.stringify(type)} is ${isForm ? 'a form' : 'none'}`, async () => {
      expect(await seeForm(urlEncoded('a=1', type))).to.deep.equal(whole(isForm ? [['a', '1']] : []));
    });
  }

  it('a form may come in chunks, cut anywhere', async () => {
    const bytes = post(
      '4\r\na=%C\r\n2\r\n3%\r\n2\r\nA4\r\n0\r\n\r\n',
      `Content-Type: ${URL_ENCODED}`,
      'Transfer-Encoding: chunked',
    );
    expect(await seeForm([...Buffer.from(bytes)].map((byte) => Buffer.of(byte)))).to.deep.equal(
      whole([['a', 'ä']]),
    );
  });

  const pairs = (count: number) => Array.from({ length: count }, (_, i) => `f${i}=`).join('&');
  const limits = { maxFields: 5, maxFieldNameBytes: 4, maxFieldBytes: 6 };
  const limited: { name: string; content: string; isTaken: boolean }[] = [
    { name: 'as many fields as are allowed', content: pairs(5), isTaken: true },
    { name: 'a field more', content: pairs(6), isTaken: false },
    { name: 'nothing between too many marks', content: '&'.repeat(5), isTaken: false },
    { name: 'a name as long as is allowed', content: 'abcd=', isTaken: true },
    { name: 'a name a byte longer', content: 'abcde=', isTaken: false },
    { name: 'a name whose characters are few and whose bytes are not', content: 'äää=', isTaken: false },
    { name: 'a name of two characters that are three bytes each', content: '€€=', isTaken: false },
    { name: 'a value as long as is allowed', content: 'a=123456', isTaken: true },
    { name: 'a value a byte longer', content: 'a=1234567', isTaken: false },
    {
      name: 'a value that is longer only while it is encoded',
      content: 'a=%31%32%33%34%35%36',
      isTaken: true,
    },
    { name: 'a value of as many bytes in fewer characters', content: 'a=äää', isTaken: true },
    { name: 'a value of more bytes in fewer characters', content: 'a=äääb', isTaken: false },
  ];
  for (const { name, content, isTaken } of limited) {
    it(`${isTaken ? 'takes' : 'answers 413 to'} ${name}`, async () => {
      const seen = await seeForm(urlEncoded(content), { limits });
      if (isTaken) expect(seen).to.have.property('fields');
      else expect(seen).to.equal('413 HTTP_FORM_TOO_LARGE');
    });
  }
});
