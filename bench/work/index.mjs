/** Every work, in the order in which it is run and printed. A new one is a file beside this and a line here. */
import { browser } from './browser.mjs';
import { echo } from './echo.mjs';
import { file1m, file4k } from './files.mjs';
import { hello } from './hello.mjs';
import { idle } from './idle.mjs';
import { lineEcho, lines16 } from './line-echo.mjs';
import { pipelined } from './pipelined.mjs';
import { tcpEcho } from './tcp-echo.mjs';
import { upload } from './upload.mjs';
import { wsBroadcast, wsBroadcast16 } from './ws-broadcast.mjs';
import { ws16, wsEcho1k, wsEcho16k, wsEcho20 } from './ws-echo.mjs';
import { wsIdle } from './ws-idle.mjs';

export const WORKS = [
  hello,
  browser,
  pipelined,
  echo,
  file4k,
  file1m,
  tcpEcho,
  lineEcho,
  lines16,
  wsEcho20,
  wsEcho1k,
  wsEcho16k,
  ws16,
  wsBroadcast,
  wsBroadcast16,
  idle,
  wsIdle,
  upload,
];
