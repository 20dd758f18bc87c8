// A name server (RFC 1035) that knows the IPv4 addresses of a few names, and that there are no others.
// Run it with `pnpm example 09-dns`, then `dig @127.0.0.1 -p 5300 www.example.test`.
import { type DatagramAddress, DatagramServer, Engine, Struct } from '@inseam/engine';

const ADDRESSES = new Map([
  ['example.test', [192, 0, 2, 1]],
  ['www.example.test', [192, 0, 2, 2]],
]);
const HEADER = new Struct('!6H'); // id, flags, numbers of questions, answers, authorities and additions
const ANSWER = new Struct('!3HIH4B'); // name, type, class, seconds to live, length, address
const [RESPONSE, OPCODE, AUTHORITATIVE, RECURSION] = [0x8000, 0x7800, 0x0400, 0x0100];
const [NO_ERROR, NO_SUCH_NAME, NOT_IMPLEMENTED] = [0, 3, 4];
const [TYPE_A, CLASS_IN, QUESTION_NAME] = [1, 1, 0xc00c];

class NameServer extends DatagramServer {
  override onRead(query: Buffer, remote: DatagramAddress) {
    const labels: string[] = [];
    let end = HEADER.size;
    for (let size = query[end]; size; size = query[end]) {
      labels.push(query.toString('latin1', end + 1, end + 1 + size));
      end += 1 + size;
    }
    if (query.length < end + 5) return; // The question is not whole.
    const [id = 0, flags = 0] = HEADER.unpack(query.subarray(0, HEADER.size)) as number[];
    if (flags & RESPONSE) return;
    const address = ADDRESSES.get(labels.join('.').toLowerCase());
    const found = address && query.readUInt16BE(end + 1) === TYPE_A ? [address] : [];
    const code = flags & OPCODE ? NOT_IMPLEMENTED : address ? NO_ERROR : NO_SUCH_NAME;
    const answerFlags = RESPONSE | AUTHORITATIVE | (flags & (OPCODE | RECURSION)) | code;
    const head = HEADER.pack(id, answerFlags, 1, found.length, 0, 0);
    const question = query.subarray(HEADER.size, end + 5);
    const answers = found.map((bytes) => ANSWER.pack(QUESTION_NAME, TYPE_A, CLASS_IN, 60, 4, ...bytes));
    this.write(Buffer.concat([head, question, ...answers]), remote);
  }
}

const server = await new NameServer().listen(Number(process.env.PORT ?? 5300));
Engine.instance().stopOnSignals();
console.log(`listening on port ${server.port} (Ctrl-C stops)`);
