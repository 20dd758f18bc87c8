/** A server that answers what it reads, a plain client to ask it with, and what real sockets need around them. */
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, type NetConnectOpts } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Server, type Stream, type StreamAddress, type Transport } from '@inseam/engine';
import { after } from 'mocha';
import { EventLog } from './event-log.js';
import { RecordingStream } from './recording-stream.js';

/** Answers what it reads, and closes when the peer has finished. */
export class Echo extends RecordingStream {
  override onRead(data: Buffer): unknown {
    super.onRead(data);
    this.write(data);
    return undefined;
  }
}

/** A server that can be waited for. */
export class LoggedServer<S extends Stream = RecordingStream> extends Server<S> {
  readonly log = new EventLog();
  override onListen(): unknown {
    this.log.add('listen');
    return undefined;
  }
  override onAccept(_transport: Transport): boolean {
    this.log.add('accept');
    return true;
  }
  override onClose(): void {
    this.log.add('close');
  }
}

/** Where `address` is to be dialled with node:net. */
export function toNet(address: StreamAddress | null): NetConnectOpts {
  if (address === null) throw new Error('no address');
  return 'path' in address ? { path: address.path } : { host: address.host, port: address.port };
}

/** Sends `text`, finishes, and resolves to all that is answered. Rejects when there is nobody, or an end in disorder. */
export function ask(address: NetConnectOpts, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(address);
    let answer = '';
    socket.setEncoding('latin1').on('data', (chunk: string) => {
      answer += chunk;
    });
    socket.once('error', reject).once('end', () => resolve(answer));
    socket.end(text);
  });
}

/** The system's code for why a promise was rejected, of the error or its cause. */
export async function failure(promise: Promise<unknown>): Promise<string> {
  try {
    await promise;
  } catch (error) {
    const { code, cause } = error as NodeJS.ErrnoException;
    return [code, (cause as NodeJS.ErrnoException | undefined)?.code].filter(Boolean).join(' ');
  }
  throw new Error('not rejected');
}

/** To be called in a `describe`: a folder that is removed after its tests, and paths in it. */
export function temporaryPaths(): (name?: string) => string {
  const folder = mkdtempSync(join(tmpdir(), 'inseam-'));
  let count = 0;
  after(() => rmSync(folder, { recursive: true }));
  return (name = `socket-${++count}`) => join(folder, name);
}
