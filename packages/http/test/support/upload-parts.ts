/** The parts of forms that the tests of uploads send, and what they look at. */
import type { HTTPRequest, UploadedFile } from '@inseam/http';
import type { Part } from './multipart.js';

export const KIB = 1_024;
/** For a server that keeps every file on the disk. */
export const ON_DISK = { limits: { fileMemoryBytes: 1 } };

/** A field of `length` bytes. */
export const field = (length: number, name = 'a'): Part => ({ name, content: 'v'.repeat(length) });

/** A file of `length` bytes. */
export const file = (length: number, name = 'a'): Part => ({
  name,
  filename: 'n',
  content: Buffer.alloc(length, name),
});

export const many = (count: number, part: Part): Part[] => Array.from({ length: count }, () => part);

/** The first file of a request; throws without one. */
export function firstOf(request: HTTPRequest): UploadedFile {
  const [first] = Object.values(request.files).flat();
  if (first === undefined) throw new Error('no file came');
  return first;
}
