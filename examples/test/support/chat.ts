/** The chat as a user runs it, on a port that stays the same when it is started again, and its page in a tab. */
import { fileURLToPath } from 'node:url';
import type { BrowserContextOptions, Page } from 'playwright-core';
import type { TestBrowser } from './browser.js';
import { RunningTool } from './running-tool.js';

const root = fileURLToPath(new URL('../../../..', import.meta.url));

export class Chat implements AsyncDisposable {
  #tool: RunningTool;
  #port = '0';

  private constructor(port: number) {
    this.#port = String(port);
    this.#tool = this.#run();
  }

  /** On a port that the system chooses, or on `port`. */
  static async start(port = 0): Promise<Chat> {
    const chat = new Chat(port);
    await chat.#listens();
    return chat;
  }

  get port(): number {
    return Number(this.#port);
  }

  get url(): string {
    return `http://localhost:${this.#port}/`;
  }

  /** Ctrl-C. Resolves to the exit code. */
  interrupt(): Promise<number | null> {
    this.#tool.signal('SIGINT');
    return this.#tool.ended();
  }

  async startAgain(): Promise<void> {
    this.#tool = this.#run();
    await this.#listens();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#tool[Symbol.asyncDispose]();
  }

  #run(): RunningTool {
    const command = ['-C', root, process.execPath, 'examples/dist/15-chat.js'];
    return new RunningTool('env', command, { PORT: this.#port });
  }

  async #listens(): Promise<void> {
    const [, port = ''] = await this.#tool.read(/localhost:(\d+)/);
    this.#port = port;
  }
}

/** The chat's page, in a profile of its own. */
export class ChatTab implements AsyncDisposable {
  readonly page: Page;
  readonly complaints: readonly string[];
  readonly #close: () => Promise<void>;

  private constructor(page: Page, complaints: readonly string[], close: () => Promise<void>) {
    this.page = page;
    this.complaints = complaints;
    this.#close = close;
  }

  /** Resolves when the server has let `name` in, under a name that begins so. */
  static async enter(
    browser: TestBrowser,
    url: string,
    name: string,
    options: BrowserContextOptions = {},
  ): Promise<ChatTab> {
    const tab = await browser.open(url, options);
    await tab.page.getByLabel('Your name').fill(name);
    await tab.page.getByRole('button', { name: 'Enter' }).click();
    await tab.page.getByText(`Connected as ${name}`).waitFor();
    return new ChatTab(tab.page, tab.complaints, async () => tab[Symbol.asyncDispose]());
  }

  async say(text: string): Promise<void> {
    await this.page.getByLabel('Message', { exact: true }).fill(text);
    await this.page.getByLabel('Message', { exact: true }).press('Enter');
  }

  /** Resolves when `text` has come, as a message or notice. */
  async sees(text: string): Promise<void> {
    await this.page.locator('#log').getByText(text, { exact: true }).waitFor();
  }

  /** Notices, and messages with who says them: 'Ann: Hello'. */
  lines(): Promise<string[]> {
    return this.page.locator('#log li').evaluateAll((items) =>
      items.map((item) => {
        const from = item.querySelector('.from')?.textContent;
        return from === undefined
          ? (item.textContent ?? '')
          : `${from}: ${item.querySelector('.text')?.textContent}`;
      }),
    );
  }

  people(): Promise<string[]> {
    return this.page.locator('#people li').allTextContents();
  }

  /** The state of the connection, as it stands there. */
  state(): Promise<string | null> {
    return this.page.locator('#state').textContent();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#close();
  }
}
