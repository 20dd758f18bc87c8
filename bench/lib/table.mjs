/** Samples in, a Markdown table out. */
import { SERVERS } from './servers.mjs';

/** @typedef {import('./turn.mjs').Sample} Sample */

const NONE = '–';

/**
 * @param {import('./http-work.mjs').Work} work
 * @param {ReadonlyMap<string, Sample[]>} samples By server, one for each round; empty where there is none.
 * @param {Readonly<Record<string, string>>} reasons Why a server has none.
 */
export function table(work, samples, reasons) {
  const base = samples.get(work.baseline) ?? [];
  const rows = [...samples].map(([name, own]) => row(name, own, base));
  const against = `CPU ÷ ${label(work.baseline)}`;
  const head = ['server', 'requests/s', 'p99 ms', 'CPU µs/request', 'min–max', against, 'core busy'];
  const absences = [...samples.keys()]
    .filter((name) => name in reasons)
    .map((name) => `${label(name)} ${NONE}: ${reasons[name]}.`);
  return [`### ${work.name}: ${work.title}`, '', ...align([head, ...rows]), '', ...work.notes, ...absences]
    .join('\n')
    .trimEnd();
}

/**
 * @param {string} name
 * @param {Sample[]} own
 * @param {Sample[]} base
 */
function row(name, own, base) {
  if (own.length === 0) return [label(name), ...Array(6).fill(NONE)];
  const cpu = own.map((sample) => sample.cpuUs);
  // Each round is compared with the baseline's turn beside it, so that a machine that slows down counts for both.
  const ratios = own.flatMap((sample, round) => {
    const beside = base[round];
    return beside === undefined ? [] : [sample.cpuUs / beside.cpuUs];
  });
  return [
    label(name),
    Math.round(median(own.map((sample) => sample.perSecond))).toLocaleString('en'),
    p99(own),
    median(cpu).toFixed(2),
    `${Math.min(...cpu).toFixed(2)}–${Math.max(...cpu).toFixed(2)}`,
    ratios.length === 0 ? NONE : median(ratios).toFixed(2),
    `${Math.round(median(own.map((sample) => sample.busy)) * 100)} %`,
  ];
}

/** @param {Sample[]} own */
function p99(own) {
  const known = own.flatMap(({ p99Ms }) => (p99Ms === null ? [] : [p99Ms]));
  return known.length === 0 ? NONE : median(known).toFixed(2);
}

/** @param {string} name */
const label = (name) => SERVERS[name]?.label ?? name;

/** @param {number[]} values */
function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
}

/**
 * Names to the left, figures to the right.
 *
 * @param {string[][]} rows
 */
function align(rows) {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((cells) => cells[column]?.length ?? 0)),
  );
  const lines = rows.map((cells) => {
    const padded = cells.map((cell, column) =>
      column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
    );
    return `| ${padded.join(' | ')} |`;
  });
  const rule = widths.map((width, column) =>
    column === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`,
  );
  lines.splice(1, 0, `| ${rule.join(' | ')} |`);
  return lines;
}
