/** Case tables for X-headers: who sent what, and what is believed of it. */
import type { StreamAddress } from '@inseam/engine';
import { HTTPHeaders, type XHeadersOption } from '@inseam/http';
import { expect } from 'chai';
import { type Origin, XHeaders } from '#http/proxy/x-headers.js';

export type Headers = readonly (readonly [name: string, value: string])[];

export interface OriginCase {
  readonly name: string;
  readonly option?: Exclude<XHeadersOption, false>;
  readonly peer?: StreamAddress | null;
  readonly headers: Headers;
  readonly expect: Partial<Origin>;
}

const NOTHING: Origin = { remoteIp: null, scheme: null, host: null };
export const PROXY: StreamAddress = { host: '10.0.0.1', port: 1, family: 4 };
export const STRANGER: StreamAddress = { host: '203.0.113.9', port: 1, family: 4 };
export const UNIX: StreamAddress = { path: '' };
export const NETWORK = ['10.0.0.0/8', 'fd00::/8'];

export const xff = (...values: string[]): Headers => values.map((value) => ['X-Forwarded-For', value]);
export const forwarded = (...values: string[]): Headers => values.map((value) => ['Forwarded', value]);
export const xReal = (value: string): Headers => [['X-Real-IP', value]];

export const SPOOFED: Headers = [
  ...xff('198.51.100.1'),
  ...xReal('198.51.100.2'),
  ['X-Forwarded-Proto', 'https'],
  ['X-Forwarded-Host', 'evil.example'],
];
export const SPOOFED_FORWARDED = forwarded('for=198.51.100.3;proto=https;host=evil.example');

export function itFinds(cases: readonly OriginCase[]): void {
  for (const { name, option = NETWORK, peer = PROXY, headers, expect: expected } of cases) {
    it(name, () => {
      const origin = new XHeaders(option).originOf(peer, new HTTPHeaders(headers));
      expect(origin).to.deep.equal({ ...NOTHING, ...expected });
    });
  }
}
