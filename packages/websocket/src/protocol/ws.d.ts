/** The parts of `ws` that this package uses, which its own types leave out. */
declare module 'ws' {
  import type { Writable } from 'node:stream';
  import type { ZlibOptions } from 'node:zlib';

  export type DeflateParameters = Record<string, string | number | boolean>;

  export interface PerMessageDeflateOptions {
    isServer?: boolean;
    maxPayload?: number;
    serverNoContextTakeover?: boolean;
    clientNoContextTakeover?: boolean;
    serverMaxWindowBits?: boolean | number;
    clientMaxWindowBits?: boolean | number;
    concurrencyLimit?: number;
    zlibDeflateOptions?: ZlibOptions;
    zlibInflateOptions?: ZlibOptions;
  }

  export class PerMessageDeflate {
    constructor(options?: PerMessageDeflateOptions);
    readonly params: DeflateParameters | null;
    offer(): DeflateParameters;
    accept(configurations: Record<string, (string | true)[]>[]): DeflateParameters;
    compress(data: Buffer, fin: boolean, callback: (error: Error | null, data?: Buffer) => void): void;
    decompress(data: Buffer, fin: boolean, callback: (error: Error | null, data?: Buffer) => void): void;
    cleanup(): void;
  }

  export const extension: {
    parse(header: string): Record<string, Record<string, (string | true)[]>[]>;
    format(extensions: Record<string, DeflateParameters | DeflateParameters[]>): string;
  };

  export class Receiver extends Writable {
    constructor(options: {
      isServer: boolean;
      maxPayload: number;
      maxFragments: number;
      extensions: Record<string, PerMessageDeflate>;
    });
    on(event: 'message', listener: (data: Buffer, isBinary: boolean) => void): this;
    on(event: 'ping' | 'pong', listener: (data: Buffer) => void): this;
    on(event: 'conclude', listener: (code: number, reason: Buffer) => void): this;
    on(event: 'error', listener: (error: Error & { code?: string }) => void): this;
    on(event: 'drain', listener: () => void): this;
  }

  export const Sender: {
    frame(
      data: Buffer,
      options: {
        fin: boolean;
        opcode: number;
        rsv1: boolean;
        mask: boolean;
        readOnly: boolean;
        maskBuffer?: Buffer;
        generateMask?: (mask: Buffer) => void;
      },
    ): Buffer[];
  };
}
