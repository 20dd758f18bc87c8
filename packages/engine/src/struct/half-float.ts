/** IEEE 754 binary16, the letter `e` of a struct: its bits as a whole number. Pure; Node 20 has nothing for it. */

/** The least value that rounds to more than the largest half float, 65504. */
const OVERFLOW = 65_520;

/** The 16 bits nearest to `value`, ties to even; `undefined` for a finite value that is too large. */
export function toHalf(value: number): number | undefined {
  if (Number.isNaN(value)) return 0x7e00;
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const magnitude = Math.abs(value);
  if (magnitude === Number.POSITIVE_INFINITY) return sign | 0x7c00;
  if (magnitude >= OVERFLOW) return undefined;
  if (magnitude < 2 ** -14) return sign | roundToEven(magnitude * 2 ** 24);
  const exponent = 17 - Math.clz32(magnitude * 2 ** 14);
  // A fraction rounded up to 1024 carries into the exponent, as it should.
  return sign + ((exponent + 14) << 10) + roundToEven(magnitude * 2 ** (10 - exponent));
}

/** The value of 16 bits. */
export function fromHalf(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent < 0x1f) return sign * (1024 + fraction) * 2 ** (exponent - 25);
  return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
}

function roundToEven(value: number): number {
  const below = Math.floor(value);
  const rest = value - below;
  return rest > 0.5 || (rest === 0.5 && below % 2 === 1) ? below + 1 : below;
}
