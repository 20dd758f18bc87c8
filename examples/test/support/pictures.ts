/** Pictures for tests: PNG (ISO/IEC 15948) of one colour and of any size, the smallest GIF, and how they are chosen and looked at. */
import { crc32, deflateSync } from 'node:zlib';

const SIGNATURE = Buffer.from('89504e470d0a1a0a', 'hex');

/** A PNG of `width` × `height` pixels, filled up to at least `bytes` with a chunk that readers pass over. */
export function png(
  width: number,
  height: number,
  colour: readonly number[] = [80, 110, 240],
  bytes = 0,
): Buffer {
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  head.set([8, 2], 8); // 8 bits for each of red, green and blue
  const line = Buffer.concat([Buffer.of(0), Buffer.alloc(3 * width, Buffer.from(colour))]);
  const lines = Buffer.concat(Array<Buffer>(height).fill(line));
  return Buffer.concat([
    SIGNATURE,
    chunk('IHDR', head),
    chunk('teSt', Buffer.alloc(bytes, 'filling')),
    chunk('IDAT', deflateSync(lines)),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

/** A GIF of one pixel, followed by `tail`, which readers pass over. */
export function gif(tail = ''): Buffer {
  const picture = Buffer.from('R0lGODlhAQABAIAAAAAAAP///ywAAAAAAQABAAACAUwAOw==', 'base64');
  return Buffer.concat([picture, Buffer.from(tail)]);
}

/** A file as a browser's file input takes it. */
export function file(name: string, buffer: Buffer): { name: string; mimeType: string; buffer: Buffer } {
  const kind = name.split('.').at(-1);
  return { name, mimeType: kind === 'jpg' ? 'image/jpeg' : `image/${kind}`, buffer };
}

/** For a page: the size of an image in pixels, as soon as it is loaded. */
export async function naturalSize(element: Element): Promise<[number, number]> {
  const image = element as HTMLImageElement;
  await image.decode();
  return [image.naturalWidth, image.naturalHeight];
}

function chunk(type: string, data: Buffer): Buffer {
  const named = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(data.length);
  const check = Buffer.alloc(4);
  check.writeUInt32BE(crc32(named));
  return Buffer.concat([length, named, check]);
}
