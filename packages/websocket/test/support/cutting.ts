/** Sockets that cut messages by a `readDelimiter`, and a Cutter. */
import { NEED_MORE } from '@inseam/engine';
import { type MessageDelimiter, WebSocket, type WebSocketClass } from '@inseam/websocket';

/** A class that cuts by `delimiter` from its first message on. */
export function cutting(delimiter: MessageDelimiter): WebSocketClass {
  return class Cutting extends WebSocket {
    constructor() {
      super();
      this.readDelimiter = delimiter;
    }
  };
}

/** Text behind a byte that says how many bytes it has. */
export const counted = {
  cut(buffer: Buffer) {
    const size = 1 + (buffer[0] as number);
    return buffer.length < size ? NEED_MORE : { data: buffer.subarray(1, size).toString(), consumed: size };
  },
};
