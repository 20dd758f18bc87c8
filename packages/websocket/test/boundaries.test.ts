import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';

const PACKAGES = fileURLToPath(new URL('../../..', import.meta.url));

function filesUnder(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => join(folder, name));
}

const codeOf = (file: string) => readFileSync(file, 'utf8').replace(/\/\*[\s\S]*?\*\/|\/\/.*/g, '');

/** The modules that a file imports; without `withTypes`, those that are there when it runs. */
function importsOf(file: string, withTypes = true): string[] {
  return [...codeOf(file).matchAll(/^(?:import|export)\s+(type\s)?(?:[^'";]*?\sfrom\s+)?'([^']+)'/gm)]
    .filter(([, isType]) => withTypes || isType === undefined)
    .map(([, , name]) => name ?? '');
}

/** The source file behind an import of ours, or null for other packages' and Node's. */
function sourceOf(name: string, importer: string): string | null {
  if (name.startsWith('.')) return resolve(dirname(importer), name.replace(/\.js$/, '.ts'));
  const own = /^@inseam\/(\w+)(?:\/(.+))?$/.exec(name);
  return own === null ? null : join(PACKAGES, own[1] ?? '', 'src', `${own[2] ?? 'index'}.ts`);
}

/** Everything that is loaded with `file`, Node's and other packages' modules by name. */
function loadedWith(file: string, seen = new Set<string>()): Set<string> {
  if (seen.has(file)) return seen;
  seen.add(file);
  for (const name of importsOf(file, false)) {
    const source = sourceOf(name, file);
    if (source === null) seen.add(name);
    else loadedWith(source, seen);
  }
  return seen;
}

/** `ws` keeps to the wire; of the engine nothing but what is pure, too. */
const ALLOWED = ['node:buffer', 'node:crypto', 'node:zlib', 'ws'];
const PURE = ['@inseam/engine/byte-window', '@inseam/engine/errors', '@inseam/engine/pieces'];

describe('boundaries', () => {
  const protocol = filesUnder(join(PACKAGES, 'websocket/src/protocol'));
  const sources = protocol.filter((file) => !file.endsWith('.d.ts'));

  it('finds the files and their imports', () => {
    expect(sources.length).to.be.above(10);
    expect(importsOf(join(PACKAGES, 'websocket/src/protocol/frame-reader.ts'))).to.include.members([
      'ws',
      './frame-scanner.js',
    ]);
  });

  for (const file of sources) {
    it(`${file.slice(PACKAGES.length)} knows no sockets, timers or clock`, () => {
      for (const name of importsOf(file, false)) {
        if (!name.startsWith('.')) expect([...ALLOWED, ...PURE]).to.include(name);
        else expect(name).to.match(/^\.\/|^\.\.\/(?:errors|limits)\.js$/);
      }
      const loaded = [...loadedWith(file)].filter((name) => !name.startsWith(PACKAGES));
      for (const name of loaded) expect(ALLOWED).to.include(name);
      expect(codeOf(file)).not.to.match(
        /\b(?:setTimeout|setInterval|setImmediate|Promise|process|await|Date\.now|performance)\b/,
      );
    });
  }

  it('`ws` is known in protocol/ only', () => {
    for (const file of filesUnder(join(PACKAGES, 'websocket/src')).filter((one) => !protocol.includes(one))) {
      expect(importsOf(file), file).not.to.include('ws');
    }
  });

  it('neither the engine nor HTTP knows of WebSockets', () => {
    for (const folder of ['engine/src', 'http/src']) {
      for (const file of filesUnder(join(PACKAGES, folder))) {
        for (const name of importsOf(file)) expect(name, file).not.to.match(/websocket|^ws$/);
      }
    }
  });

  it('groups and protocol do not depend on the server or the client', () => {
    for (const folder of ['group', 'protocol']) {
      for (const file of filesUnder(join(PACKAGES, 'websocket/src', folder))) {
        for (const name of importsOf(file)) expect(name, file).not.to.match(/server\/|client\//);
      }
    }
  });
});
