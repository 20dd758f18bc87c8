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

/** The modules that a file imports for more than their types. */
function importsOf(file: string, withTypes = true): string[] {
  const source = readFileSync(file, 'utf8').replace(/\/\*[\s\S]*?\*\//g, '');
  return [...source.matchAll(/^(?:import|export)\s+(type\s)?(?:[^'";]*?\sfrom\s+)?'([^']+)'/gm)]
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

describe('boundaries', () => {
  const protocol = filesUnder(join(PACKAGES, 'http/src/protocol'));
  const allowed = ['node:buffer', '@inseam/engine/byte-window', '@inseam/engine/errors'];

  it('finds the files and their imports', () => {
    expect(protocol.length).to.be.above(10);
    expect(importsOf(join(PACKAGES, 'http/src/protocol/request-parser.ts'))).to.include.members([
      '@inseam/engine/byte-window',
      './head-parser.js',
    ]);
    expect(importsOf(join(PACKAGES, 'engine/src/transports/socket-transport.ts'))).to.include('node:net');
  });

  for (const file of protocol) {
    it(`${file.slice(PACKAGES.length)} is pure`, () => {
      for (const name of importsOf(file)) {
        if (!name.startsWith('.')) expect(allowed).to.include(name);
        else expect(name).not.to.match(/server\//);
      }
      const loaded = [...loadedWith(file)].filter((name) => !name.startsWith(PACKAGES));
      expect(loaded.filter((name) => name !== 'node:buffer')).to.deep.equal([]);
      expect(readFileSync(file, 'utf8')).not.to.match(
        /\b(?:setTimeout|setInterval|setImmediate|Promise|process|await|Date\.now|performance)\b/,
      );
    });
  }

  it('the engine knows nothing of HTTP', () => {
    for (const file of filesUnder(join(PACKAGES, 'engine/src'))) {
      for (const name of importsOf(file)) expect(name, file).not.to.match(/http/);
    }
  });
});
