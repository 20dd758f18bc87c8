/** Every work, in the order in which it is run and printed. A new one is a file beside this and a line here. */
import { browser } from './browser.mjs';
import { echo } from './echo.mjs';
import { hello } from './hello.mjs';
import { pipelined } from './pipelined.mjs';

export const WORKS = [hello, browser, pipelined, echo];
