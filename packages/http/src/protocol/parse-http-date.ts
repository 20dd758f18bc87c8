/**
 * Reads dates in the three forms of RFC 9110 §5.6.7, and nothing near them: what a date means decides whether content
 * is sent, so a doubtful one is none. Pure; the time comes from the caller.
 */
import { httpDate } from './http-date.js';

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const DAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];
const MONTH = `(${MONTHS.join('|')})`;
const SHORT_DAY = `(${DAYS.map((day) => day.slice(0, 3)).join('|')})`;
const TIME = '(\\d\\d):(\\d\\d):(\\d\\d)';
/** Each names day, month, year and time of day in its own order. */
const IMF_FIXDATE = new RegExp(`^${SHORT_DAY}, (\\d\\d) ${MONTH} (\\d{4}) ${TIME} GMT$`);
const RFC850_DATE = new RegExp(`^(${DAYS.join('|')}), (\\d\\d)-${MONTH}-(\\d\\d) ${TIME} GMT$`);
const ASCTIME_DATE = new RegExp(`^${SHORT_DAY} ${MONTH} (\\d\\d| \\d) ${TIME} (\\d{4})$`);

/** Milliseconds since 1970, or null for what is no date or no day of the calendar; `now` places two-digit years. */
export function parseHttpDate(text: string, now: number): number | null {
  const imf = IMF_FIXDATE.exec(text);
  if (imf) return timeOf(imf[1], imf[4], imf[3], imf[2], imf.slice(5, 8));
  const asctime = ASCTIME_DATE.exec(text);
  if (asctime) return timeOf(asctime[1], asctime[7], asctime[2], asctime[3], asctime.slice(4, 7));
  const old = RFC850_DATE.exec(text);
  if (!old) return null;
  const year = fullYear(old[4] ?? '', now, (full) => timeOf(null, full, old[3], old[2], old.slice(5, 8)));
  return timeOf(old[1]?.slice(0, 3), year, old[3], old[2], old.slice(5, 8));
}

/** RFC 9110 §5.6.7: a year that seems more than 50 years ahead is the last one that ended so. */
function fullYear(twoDigits: string, now: number, at: (year: string) => number | null): string {
  const century = Math.floor(new Date(now).getUTCFullYear() / 100);
  const year = century * 100 + Number(twoDigits);
  const limit = new Date(now);
  limit.setUTCFullYear(limit.getUTCFullYear() + 50);
  return String((at(String(year)) ?? 0) > limit.getTime() ? year - 100 : year);
}

/** A `day` of null is not looked at. */
function timeOf(
  day: string | null | undefined,
  year: string | undefined,
  month: string | undefined,
  dayOfMonth: string | undefined,
  [hour = '', minute = '', second = '']: readonly string[],
): number | null {
  const date = Number(dayOfMonth);
  // A leap second is the last of its minute; the calendar of ECMAScript has none.
  if (Number(hour) > 23 || Number(minute) > 59 || Number(second) > 60) return null;
  const midnight = new Date(0);
  midnight.setUTCFullYear(Number(year), MONTHS.indexOf(month ?? ''), date);
  if (midnight.getUTCDate() !== date) return null;
  if (day !== null && !httpDate(midnight.getTime()).startsWith(day ?? '')) return null;
  return midnight.getTime() + ((Number(hour) * 60 + Number(minute)) * 60 + Number(second)) * 1_000;
}
