/** Debian's Chromium for tests: one browser, started when a test first asks for it, with a page of its own for each test. */
import { spawnSync } from 'node:child_process';
import { type Browser, chromium, type Page } from 'playwright-core';

const PATH = '/usr/bin/chromium';
const ARGUMENTS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--disable-background-networking'];

export class TestBrowser implements AsyncDisposable {
  #browser: Promise<Browser> | null = null;

  /** A page in a profile of its own. */
  async open(url: string): Promise<Page & AsyncDisposable> {
    this.#browser ??= chromium.launch({ executablePath: PATH, args: ARGUMENTS });
    const context = await (await this.#browser).newContext();
    const page = await context.newPage();
    await page.goto(url);
    return Object.assign(page, { [Symbol.asyncDispose]: () => context.close() });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await (await this.#browser)?.close();
  }
}

/** Without Chromium: pending on somebody's own machine, a failure where everything is to be tested. */
export function itInChromium(title: string, check: () => Promise<void>): void {
  const isThere = spawnSync(PATH, ['--version']).status === 0;
  if (isThere || process.env.CI) it(title, check);
  else it(`${title} (pending: chromium is not installed)`);
}
