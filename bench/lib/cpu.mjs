/** CPU time of processes, as Linux counts it. */
import { readFileSync } from 'node:fs';

/** The unit of /proc/PID/stat: 1/100 s on every architecture that Node runs on, whatever the kernel's own tick. */
const TICK_US = 10_000;

/**
 * User and system time of all threads of these processes so far, in microseconds.
 *
 * @param {readonly number[]} pids
 */
export function cpuMicroseconds(pids) {
  let ticks = 0;
  for (const pid of pids) {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The command's name may hold blanks and parentheses; the fields after it are counted from its end.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    ticks += Number(fields[11]) + Number(fields[12]);
  }
  return ticks * TICK_US;
}
