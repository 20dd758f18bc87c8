import { UsageError } from '@inseam/engine';
import { expect } from 'chai';
import fc from 'fast-check';
import { type EventFields, eventText, retryLine } from '#http/protocol/event-text.js';

interface Event {
  type: string;
  data: string;
  id: string;
}

/** What a browser makes of a stream, by the steps of WHATWG HTML §9.2.6. */
function interpret(text: string): Event[] {
  const events: Event[] = [];
  let [type, data, id] = ['', '', ''];
  const lines = text.split(/\r\n|\r|\n/);
  for (const line of lines.slice(0, -1)) {
    if (line === '') {
      if (data !== '') events.push({ type: type || 'message', data: data.slice(0, -1), id });
      [type, data] = ['', ''];
      continue;
    }
    const [, field, value = ''] = /^([^:]*)(?:: ?([\s\S]*))?$/.exec(line) ?? [];
    if (field === 'event') type = value;
    if (field === 'data') data += `${value}\n`;
    if (field === 'id' && !value.includes('\0')) id = value;
  }
  return events;
}

describe('protocol: events', () => {
  const cases: { name: string; event: EventFields; expect: string }[] = [
    { name: 'a text', event: { data: 'hello' }, expect: 'data: hello\n\n' },
    { name: 'no text', event: { data: '' }, expect: 'data: \n\n' },
    { name: 'spaces', event: { data: '  a ' }, expect: 'data:   a \n\n' },
    {
      name: 'lines of every make',
      event: { data: 'a\r\nb\rc\n\nd\n' },
      expect: 'data: a\ndata: b\ndata: c\ndata: \ndata: d\ndata: \n\n',
    },
    {
      name: 'everything',
      event: { data: 'a', event: 'tick', id: '7', retry: 1000 },
      expect: 'event: tick\nid: 7\nretry: 1000\ndata: a\n\n',
    },
    { name: 'an id that is empty', event: { data: 'a', id: '' }, expect: 'id: \ndata: a\n\n' },
    { name: 'a colon', event: { data: ': x', event: 'a:b' }, expect: 'event: a:b\ndata: : x\n\n' },
  ];
  for (const { name, event, expect: text } of cases) {
    it(`${name}`, () => {
      expect(eventText(event)).to.equal(text);
    });
  }

  for (const bad of [
    'a\nb',
    'a\rb',
    'a\r\nb',
    '\0',
    '\n',
    5 as unknown as string,
    null as unknown as string,
  ]) {
    it(`refuses ${JSON.stringify(bad)} as name and id`, () => {
      for (const field of ['event', 'id']) {
        expect(() => eventText({ data: '', [field]: bad }))
          .to.throw(UsageError, field)
          .with.property('code', 'HTTP_EVENT');
      }
    });
  }

  for (const bad of [-1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, '5' as unknown as number]) {
    it(`refuses ${bad} (${typeof bad}) as retry`, () => {
      expect(() => retryLine(bad))
        .to.throw(UsageError)
        .with.property('code', 'HTTP_EVENT');
      expect(() => eventText({ data: '', retry: bad })).to.throw(UsageError);
    });
  }

  it('takes 0 as retry', () => {
    expect(retryLine(0)).to.equal('retry: 0\n');
  });

  it('says to a browser what was meant, whatever the text', () => {
    const field = fc.string({ unit: fc.constantFrom('a', ' ', ':', 'é', '\u2028', '𝄞') });
    const text = fc.string({ unit: fc.constantFrom('a', ' ', ':', '\n', '\r', '\r\n', 'é', 'data: ') });
    fc.assert(
      fc.property(fc.array(fc.record({ data: text, event: field, id: field })), (events) => {
        expect(interpret(events.map((event) => eventText(event)).join(''))).to.deep.equal(
          events.map(({ data, event, id }) => ({
            type: event || 'message',
            data: data.replace(/\r\n|\r/g, '\n'),
            id,
          })),
        );
      }),
      { numRuns: 50 },
    );
  });
});
