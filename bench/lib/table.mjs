/** Samples in, a Markdown table out. */
import { NONE } from './figures.mjs';
import { labelOf } from './servers.mjs';

/**
 * @template S
 * @typedef {object} Column
 * @property {string} head
 * @property {(own: S[], base: S[]) => string} cell From one server's samples, and the baseline's beside them.
 */

/**
 * @template S
 * @param {import('./turn.mjs').Work<S>} work
 * @param {ReadonlyMap<string, S[]>} samples By server, one for each round; empty where there is none.
 * @param {Readonly<Record<string, string>>} reasons Why a server has none.
 */
export function table(work, samples, reasons) {
  const base = samples.get(work.baseline) ?? [];
  const rows = [...samples].map(([name, own]) => [
    labelOf(name),
    ...work.columns.map(({ cell }) => (own.length === 0 ? NONE : cell(own, base))),
  ]);
  const head = ['server', ...work.columns.map((column) => column.head)];
  const absences = [...samples.keys()]
    .filter((name) => name in reasons)
    .map((name) => `${labelOf(name)} ${NONE}: ${reasons[name]}.`);
  return [`### ${work.name}: ${work.title}`, '', ...align([head, ...rows]), '', ...work.notes, ...absences]
    .join('\n')
    .trimEnd();
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
