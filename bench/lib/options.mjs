/** The command line. */
import { parseArgs } from 'node:util';
import { CannotRun } from './machine.mjs';

export const USAGE = `pnpm bench [options]

  --rounds N     turns of each server, 5 by default
  --seconds N    length of the load in a turn, 4 by default, after a warm-up of 1 s
  --work NAME    only this work (may be repeated)
  --peer NAME    only this server (may be repeated)
  --quick        1 round of 1 s: shows that everything runs, its figures mean nothing`;

/**
 * @param {readonly string[]} args
 * @param {readonly import('./turn.mjs').Work<any>[]} works
 */
export function readOptions(args, works) {
  const { values } = parse(args);
  return {
    help: values.help === true,
    quick: values.quick === true,
    rounds: count('rounds', values.rounds, values.quick ? 1 : 5),
    seconds: count('seconds', values.seconds, values.quick ? 1 : 4),
    works: works.filter(({ name }) =>
      choose(
        'work',
        values.work,
        works.map((work) => work.name),
      ).includes(name),
    ),
    peers: choose('peer', values.peer, [...new Set(works.flatMap((work) => work.servers))]),
  };
}

/** @param {readonly string[]} args */
function parse(args) {
  try {
    return parseArgs({
      // `pnpm bench -- --quick` hands the two dashes on.
      args: args.filter((arg) => arg !== '--'),
      options: {
        help: { type: 'boolean' },
        quick: { type: 'boolean' },
        rounds: { type: 'string' },
        seconds: { type: 'string' },
        work: { type: 'string', multiple: true },
        peer: { type: 'string', multiple: true },
      },
    });
  } catch (error) {
    throw new CannotRun(`${/** @type {Error} */ (error).message}\n\n${USAGE}`);
  }
}

/**
 * @param {string} option
 * @param {string | undefined} text
 * @param {number} otherwise
 */
function count(option, text, otherwise) {
  if (text === undefined) return otherwise;
  if (/^[1-9]\d{0,4}$/.test(text)) return Number(text);
  throw new CannotRun(`--${option} takes a whole number from 1, not '${text}'.`);
}

/**
 * @param {string} option
 * @param {readonly string[] | undefined} names
 * @param {readonly string[]} known
 */
function choose(option, names, known) {
  const stranger = names?.find((name) => !known.includes(name));
  if (stranger === undefined) return names ?? known;
  throw new CannotRun(`--${option} takes one of ${known.join(', ')}, not '${stranger}'.`);
}
