/** How long content may take to come, and that a handler's own time does not count. */
import type { HTTPRequest } from '@inseam/http';
import { expect } from 'chai';
import { gate } from '../support/gate.js';
import { get, post } from '../support/message.js';
import { echo, wire } from '../support/wire.js';

const limits = {
  headTimeoutMs: 1_000,
  bodyTimeoutMs: 2_000,
  requestTimeoutMs: 5_000,
  keepAliveTimeoutMs: 10_000,
  writeTimeoutMs: 3_000,
};

describe('api: patience with content', () => {
  const takers = {
    'the request handler': {},
    'a loop': {
      earlyHandler: async (request: HTTPRequest) => {
        let length = 0;
        for await (const piece of request) length += piece.length;
        request.sendResponse(`got ${length}`);
      },
    },
  };
  for (const [whom, taker] of Object.entries(takers)) {
    it(`a byte every 29 s is not waited for longer than 300 s, for ${whom}`, async () => {
      const far = wire(undefined, taker);
      await far.exchange(post('', 'Content-Length: 1000'));
      let passed = 0;
      while (!far.ended && passed < 1_000_000) {
        await far.pass(29_000);
        passed += 29_000;
        far.send('x');
      }
      expect(passed).to.be.within(300_000, 332_000);
      expect(await far.take()).to.match(/^HTTP\/1\.1 408 /);
      expect(far.log.codes).to.deep.equal(['HTTP_BODY_TIMEOUT']);
      far.client.end();
    });

    it(`10 KiB a second are waited for an hour and longer, for ${whom}`, async () => {
      const [seconds, piece] = [4_000, 'x'.repeat(10_240)];
      const length = seconds * piece.length;
      const far = wire((request) => request.sendResponse(`got ${request.body.length}`), {
        ...taker,
        maxRequest: length,
      });
      await far.exchange(post('', `Content-Length: ${length}`));
      for (let i = 0; i < seconds; i++) {
        for (let ms = 0; ms < 1_000; ms += 250) far.clock.advance(250);
        far.send(piece);
        // It arrives before the next second.
        await Promise.resolve();
        if (i % 100 === 0) await far.settle();
      }
      expect(await far.take()).to.match(new RegExp(`got ${length}$`));
      far.client.end();
    });

    it(`a gap of bodyTimeoutMs is not waited for, for ${whom}`, async () => {
      const far = wire(undefined, { ...taker, limits });
      await far.exchange(post('', 'Content-Length: 1000'));
      for (let i = 0; i < 2; i++) {
        await far.pass(1_900);
        expect(await far.exchange('x')).to.equal('');
      }
      await far.pass(2_600);
      expect(await far.take()).to.match(/^HTTP\/1\.1 408 /);
      far.client.end();
    });
  }

  it('minBytesPerSecond says what earns a second', async () => {
    const far = wire(undefined, { limits: { ...limits, minBytesPerSecond: 2 } });
    await far.exchange(post('', 'Content-Length: 100'));
    // One byte a second earns half of it: twice the time, and the second between two looks.
    for (let i = 0; i < 9; i++) {
      await far.pass(1_000);
      expect(await far.exchange('x')).to.equal('');
    }
    for (let i = 0; i < 3; i++) {
      await far.pass(1_000);
      far.send('x');
    }
    expect(await far.take()).to.match(/^HTTP\/1\.1 408 /);
    far.client.end();
  });

  it('the time that a slow loop takes is not the client’s', async () => {
    let go = gate();
    const far = wire(undefined, {
      limits,
      earlyHandler: async (request) => {
        for await (const _ of request) {
          await go.opened;
          go = gate();
        }
        request.sendResponse('got it');
      },
    });
    await far.exchange(post('', 'Content-Length: 6'));
    for (let i = 0; i < 6; i++) {
      await far.pass(1_000);
      await far.exchange('x');
      await far.pass(60_000);
      go.open();
    }
    expect(await far.take()).to.match(/got it$/);
    far.client.end();
  });

  it('but what the client takes between its turns adds up', async () => {
    let go = gate();
    const far = wire(undefined, {
      limits,
      earlyHandler: async (request) => {
        for await (const _ of request) {
          await go.opened;
          go = gate();
        }
      },
    });
    await far.exchange(post('', 'Content-Length: 100'));
    for (let i = 0; i < 5 && !far.ended; i++) {
      await far.pass(1_900);
      await far.exchange('x');
      await far.pass(500);
      go.open();
    }
    await far.settle();
    expect(far.sink.text).to.match(/^HTTP\/1\.1 408 /);
    far.client.end();
  });

  for (const [what, head] of [
    ['a length', 'Content-Length: 200000'],
    ['chunks', 'Transfer-Encoding: chunked'],
  ] as const) {
    it(`a handler may take its time after a loop that was slow: ${what}`, async () => {
      const [between, after] = [gate(), gate()];
      const far = wire(undefined, {
        limits,
        earlyHandler: async (request) => {
          let length = 0;
          for await (const piece of request) {
            length += piece.length;
            await between.opened;
          }
          await after.opened;
          request.sendResponse(`got ${length}`);
        },
      });
      const piece = 'x'.repeat(20_000);
      await far.exchange(post('', head));
      for (let i = 0; i < 10; i++) far.send(what === 'chunks' ? `4e20\r\n${piece}\r\n` : piece);
      if (what === 'chunks') far.send('0\r\n\r\n');
      await far.settle();
      between.open();
      await far.pass(60_000);
      expect(far.ended).to.equal(false);
      after.open();
      expect(await far.take()).to.match(/got 200000$/);
      far.client.end();
    });
  }

  it('a handler may take its time after content that waited for an early handler', async () => {
    const [early, late] = [gate(), gate()];
    const far = wire(
      async (request) => {
        await late.opened;
        request.sendResponse(String(request.body.length));
      },
      { limits, earlyHandler: () => early.opened },
    );
    await far.exchange(post('', 'Content-Length: 100000'));
    for (let i = 0; i < 10; i++) far.send('x'.repeat(10_000));
    await far.pass(60_000);
    early.open();
    await far.pass(60_000);
    late.open();
    expect(await far.take()).to.match(/\r\n\r\n100000$/);
    far.client.end();
  });

  it('a handler may take its time after a form that came faster than the disk took it', async () => {
    const [called, late] = [gate(), gate()];
    const far = wire(
      async (request) => {
        called.open();
        await late.opened;
        request.sendResponse(`got ${request.files.a?.[0]?.size}`);
      },
      { limits },
    );
    const size = 3_000_000;
    const start = '--b\r\nContent-Disposition: form-data; name="a"; filename="f"\r\n\r\n';
    const end = '\r\n--b--\r\n';
    const length = `Content-Length: ${start.length + size + end.length}`;
    await far.exchange(post(start, 'Content-Type: multipart/form-data; boundary=b', length));
    far.send(Buffer.alloc(size));
    far.send(end);
    await called.opened;
    await far.pass(60_000);
    expect(far.ended).to.equal(false);
    late.open();
    expect(await far.take()).to.match(/got 3000000$/);
    far.client.end();
  });

  it('requests that an early handler answers keep their connection alive', async () => {
    const far = wire(undefined, { limits, earlyHandler: (request) => request.sendResponse(request.url) });
    for (let i = 0; i < 30; i++) {
      await far.pass(900);
      expect(await far.exchange(get(`/${i}`))).to.match(new RegExp(`/${i}$`));
    }
    await far.pass(9_900);
    expect(far.ended).to.equal(false);
    await far.pass(600);
    expect([far.ended, await far.take()]).to.deep.equal([true, '']);
  });

  it('requests that loops take have requestTimeoutMs each', async () => {
    const far = wire(undefined, { ...takers['a loop'], limits });
    for (let i = 0; i < 8; i++) {
      await far.exchange(post('1', 'Content-Length: 2'));
      await far.pass(1_500);
      expect(await far.exchange(`2${post('1', 'Content-Length: 2')}`)).to.match(/got 2$/);
      await far.pass(1_500);
      expect(await far.exchange('2')).to.match(/got 2$/);
    }
    far.client.end();
  });

  it('head and body together have requestTimeoutMs', async () => {
    const far = wire(undefined, { limits: { ...limits, headTimeoutMs: 10_000, bodyTimeoutMs: 10_000 } });
    const request = post('', 'Content-Length: 5');
    await far.exchange(request.slice(0, 20));
    await far.pass(4_000);
    await far.exchange(request.slice(20));
    await far.pass(900);
    expect(await far.take()).to.equal('');
    await far.pass(2_000);
    expect(await far.take()).to.match(/^HTTP\/1\.1 408 /);
    far.client.end();
  });

  it('what was sent before does not count against an upload, nor for it', async () => {
    const far = wire(
      (request) => (request.url === '/' ? echo(request) : request.sendResponse('x'.repeat(1_000_000))),
      {
        limits,
      },
    );
    await far.exchange(get('/large'));
    far.client.pause();
    far.send(get('/large'));
    await far.pass(1_000);
    far.send(post('', 'Content-Length: 4'));
    far.client.resume();
    await far.settle();
    await far.take();
    for (const byte of 'abc') {
      await far.pass(1_200);
      expect(await far.exchange(byte)).to.equal('');
    }
    expect(await far.exchange('d')).to.match(/POST \/ abcd$/);
    far.client.end();
  });
});
