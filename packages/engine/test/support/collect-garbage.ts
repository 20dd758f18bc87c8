import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');

/** Collects garbage now; what only a WeakRef refers to is gone afterwards. */
export const collectGarbage: () => void = runInNewContext('gc');
