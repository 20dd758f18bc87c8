/** The documents say what is true: their snippets compile, their first example runs, their tables are the code's. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ENGINE_ERRORS, ENGINE_LIMITS } from '@inseam/engine';
import { HTTP_ERRORS, HTTP_LIMITS, type HTTPErrorEntry, MAX_REQUEST } from '@inseam/http';
import { WEBSOCKET_ERRORS, WEBSOCKET_LIMITS, type WebSocketErrorEntry } from '@inseam/websocket';
import { expect } from 'chai';

const root = fileURLToPath(new URL('../../../', import.meta.url));
// Inside `examples`, so that the packages are found as a user's program would find them.
const scratch = join(root, 'examples/dist/snippets');
const documents = ['README.md', ...readdirSync(join(root, 'docs/guide')).map((name) => `docs/guide/${name}`)];

describe('documents', () => {
  const snippets = documents.flatMap((file) =>
    [...read(file).matchAll(/^```ts\n(.*?)^```$(?:\n\n```text\n(.*?)^```$)?/gms)].map((match, i) => ({
      file,
      name: `${slug(file)}-${i + 1}`,
      code: match[1] ?? '',
      output: match[2],
    })),
  );

  before(() => {
    rmSync(scratch, { recursive: true, force: true });
    mkdirSync(scratch, { recursive: true });
    for (const { name, code } of snippets) {
      writeFileSync(
        join(scratch, `${name}.ts`),
        `${code.replaceAll(/\b808[01]\b/g, 'Number(process.env.PORT)')}\nexport {};\n`,
      );
    }
    const options = {
      extends: '../../../tsconfig.base.json',
      compilerOptions: { composite: false, noUnusedLocals: false },
      include: ['*.ts'],
    };
    writeFileSync(join(scratch, 'tsconfig.json'), JSON.stringify(options));
  });

  it(`have snippets that compile (${snippets.length} of them)`, () => {
    expect(snippets).to.have.lengthOf.at.least(10);
    const { stdout, stderr } = spawnSync('tsc', ['-p', scratch], { encoding: 'utf8' });
    expect(stdout + stderr).to.equal('');
  });

  describe('the guide to protocols', () => {
    const guide = snippets.filter(({ file }) => file === 'docs/guide/protocols.md');

    before(() => {
      // The certificate is made as the guide says.
      const command = /^```sh\n(openssl .*?)^```$/ms.exec(read('docs/guide/protocols.md'))?.[1] ?? 'false';
      expect(spawnSync('sh', ['-c', command], { cwd: scratch }).status).to.equal(0);
    });

    for (const { name, output } of guide) {
      it(`prints what it says: ${name}`, async () => {
        expect(output, 'no output stands below it').to.be.a('string');
        const env = { ...process.env, PORT: String(await freePort()) };
        const child = spawn(process.execPath, [`${name}.js`], { cwd: scratch, env });
        const printed: string[] = [];
        child.stdout.on('data', (text) => printed.push(String(text)));
        child.stderr.on('data', (text) => printed.push(String(text)));
        const [code] = await once(child, 'close');
        expect({ code, output: printed.join('') }).to.deep.equal({ code: 0, output });
      });
    }
  });

  it('begin with an example that runs, by line 15 of the README', async () => {
    expect(read('README.md').split('\n').slice(0, 15).join('\n')).to.match(/```ts\n(.*\n){9}```/);
    const child = spawn(process.execPath, ['--input-type=module', '-e', probe], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const output: string[] = [];
    child.stdout.on('data', (text) => output.push(String(text)));
    await once(child, 'close');
    expect(output.join('')).to.equal('Hello, reader!\n');
  });

  it('are examples of at most 40 lines, which say how to run them', () => {
    const examples = readdirSync(join(root, 'examples')).filter((name) => /^\d.*\.ts$/.test(name));
    expect(examples).to.have.lengthOf.at.least(9);
    for (const name of examples) {
      const lines = read(`examples/${name}`).trimEnd().split('\n');
      expect(lines.length, name).to.be.at.most(40);
      const how = name === '01-hello.ts' ? 'pnpm start' : `pnpm example ${name.replace('.ts', '')}`;
      expect(lines.slice(0, 2).join(' '), name).to.contain(how);
    }
  });

  it('have no gaps left to fill', () => {
    for (const file of [...documents, 'CHANGELOG.md', 'docs/design.md', 'docs/tour.md']) {
      expect(read(file), file).not.to.match(/BENCH_|TODO|TBD|XXX/);
    }
  });

  it('list every error with its message, status and section', () => {
    const expected = errorsPage();
    if (process.env.UPDATE_DOCS) writeFileSync(join(root, 'docs/errors.md'), expected);
    expect(read('docs/errors.md')).to.equal(expected, 'run the tests once with UPDATE_DOCS=1');
  });

  it('list every limit with its figure', () => {
    const tables = [ENGINE_LIMITS, { maxRequest: MAX_REQUEST, ...HTTP_LIMITS }, WEBSOCKET_LIMITS];
    const page = read('docs/limits.md');
    for (const [name, figure] of tables.flatMap((limits) => Object.entries(limits))) {
      expect(page).to.contain(`| \`${name}\` | ${figure.toLocaleString('en')} |`);
    }
  });

  it('link to files that exist', () => {
    const pages = [
      ...documents,
      'docs/tour.md',
      'docs/design.md',
      'docs/errors.md',
      'docs/limits.md',
      'CONTRIBUTING.md',
      'SECURITY.md',
    ];
    for (const page of pages) {
      for (const [, target = ''] of read(page).matchAll(/\]\(([^)#:]+)\)/g)) {
        expect(() => readFileSync(join(root, page, '..', target)), `${page} → ${target}`).not.to.throw();
      }
    }
  });
});

/** Runs the README's first example on a free port, asks it, and ends it as Ctrl-C would. */
const probe = `
  import { createServer } from 'node:net';
  const server = createServer().listen(0);
  await new Promise((resolve) => server.once('listening', resolve));
  process.env.PORT = server.address().port;
  await new Promise((resolve) => server.close(resolve));
  const done = import(${JSON.stringify(join(scratch, 'readme-1.js'))});
  for (let answer; answer === undefined; ) {
    answer = await fetch('http://127.0.0.1:' + process.env.PORT + '/?name=reader').then((r) => r.text(), () => undefined);
    if (answer !== undefined) process.stdout.write(answer);
  }
  process.kill(process.pid, 'SIGINT');
  await done;
`;

/** A port that nobody has at the moment. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

function read(file: string): string {
  return readFileSync(join(root, file), 'utf8');
}

function slug(file: string): string {
  return file.replace(/^.*\//, '').replace('.md', '').toLowerCase();
}

const PEERS_FAULT = new Set(['ENGINE_BUFFER_OVERFLOW', 'ENGINE_STRUCT_LENGTH', 'ENGINE_PROXY_HEADER']);

/** docs/errors.md, as the tables have it. */
function errorsPage(): string {
  return [
    '# Errors',
    '',
    'Every error has a `code` that names its cause and keeps its meaning. The class says what to do about it.',
    '',
    '- `UsageError`: our caller is wrong: thrown at the call, nothing is on the wire.',
    '- `TransportError`: the stream is gone; `phase` says what it was doing.',
    '- `ProtocolError`, its `HTTPProtocolError` with a `status` and `WebSocketProtocolError` with a `closeCode`: the peer',
    '  is wrong; it is answered if that is possible, then the connection is closed. `WebSocketHandshakeError`: a server did',
    '  not take our handshake.',
    "- `HTTPError`: a handler's way to answer with a status. It has no code.",
    '',
    'This page is made from the tables in `packages/*/src/errors.ts`.',
    '',
    '## @inseam/engine',
    '',
    ...rows(ENGINE_ERRORS),
    '',
    '## @inseam/http',
    '',
    ...rows(HTTP_ERRORS),
    '',
    '## @inseam/websocket',
    '',
    ...rows(WEBSOCKET_ERRORS),
    '',
  ].join('\n');
}

type Entry = HTTPErrorEntry | WebSocketErrorEntry;

function rows(entries: Readonly<Record<string, Entry>>): string[] {
  return [
    '| code | class | message | section |',
    '| --- | --- | --- | --- |',
    ...Object.entries(entries).map(
      ([code, entry]) => `| \`${code}\` | ${kind(code, entry)} | ${entry.message} | ${entry.section ?? ''} |`,
    ),
  ];
}

function kind(code: string, { status, closeCode, phase }: HTTPErrorEntry & WebSocketErrorEntry): string {
  if (status !== undefined) return `HTTPProtocolError, ${status}`;
  if (closeCode !== undefined) return `WebSocketProtocolError, ${closeCode}`;
  if (code === 'WEBSOCKET_HANDSHAKE') return 'WebSocketHandshakeError';
  if (phase !== undefined) return `TransportError, ${phase}`;
  return PEERS_FAULT.has(code) ? 'ProtocolError' : 'UsageError';
}
