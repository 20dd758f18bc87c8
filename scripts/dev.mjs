// `pnpm dev`: compiles and tests again at every change, until Ctrl-C.
import { spawn } from 'node:child_process';

const compiler = spawn('tsc', ['-b', '--watch', '--preserveWatchOutput'], {
  stdio: ['ignore', 'pipe', 'inherit'],
});
let tests = null;

compiler.stdout.on('data', (output) => {
  process.stdout.write(output);
  // The compiler's own words for "done, and nothing is wrong".
  if (!/Found 0 errors/.test(String(output))) return;
  tests?.kill();
  tests = spawn('mocha', ['--reporter', 'dot'], { stdio: 'inherit' });
});

for (const signal of ['SIGINT', 'SIGTERM']) {
  process.on(signal, () => {
    tests?.kill();
    compiler.kill();
  });
}
compiler.on('exit', (code) => process.exit(code ?? 0));
