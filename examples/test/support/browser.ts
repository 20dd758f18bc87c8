/** Debian's Chromium for tests: one browser, started when a test first asks for it, with a page of its own for each test. */
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';

const ARGUMENTS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--disable-background-networking'];

export class TestBrowser implements AsyncDisposable {
  #browser: Promise<Browser> | null = null;

  /** A page in a profile of its own, and the list of everything that it complains about. */
  async open(
    url: string,
    options: BrowserContextOptions = {},
  ): Promise<{ page: Page; complaints: string[] } & AsyncDisposable> {
    this.#browser ??= chromium.launch({ executablePath: '/usr/bin/chromium', args: ARGUMENTS });
    const context = await (await this.#browser).newContext(options);
    const page = await context.newPage();
    const complaints: string[] = [];
    page.on('console', (message) => {
      if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
    });
    page.on('pageerror', (error) => complaints.push(String(error)));
    await page.goto(url);
    return { page, complaints, [Symbol.asyncDispose]: () => context.close() };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await (await this.#browser)?.close();
  }
}
