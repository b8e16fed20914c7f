/**
 * A fast stand-in for Qwen, a process of its own: bytes made beforehand, on bare sockets, so that it is never what is measured.
 * It answers as it was last told over its channel, and refuses a large body that has lost its end on the way.
 */
import { createServer, type Socket } from 'node:net';
import { endMark } from './requests.ts';
import { type AnswerPlan, beginning, chunkEvent, completion, ending, type Format, nowMicros, word } from './wire.ts';

let plan: AnswerPlan = { chunks: 30, chunksPerWrite: 8, paceMs: 0 };
const made = new Map<string, readonly Buffer[]>();

const framed = (text: string) => Buffer.from(`${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`);
const streamHead =
  'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream;charset=UTF-8\r\ncache-control: no-cache\r\ntransfer-encoding: chunked\r\n\r\n';
const lastFrame = Buffer.from('0\r\n\r\n');

function document(status: string, text: string): Buffer {
  return Buffer.from(
    `HTTP/1.1 ${status}\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(text)}\r\n\r\n${text}`,
  );
}

/** The writes of an answer that is not paced. */
function writesOf(format: Format, { chunks, chunksPerWrite }: AnswerPlan): readonly Buffer[] {
  const key = `${format} ${chunks} ${chunksPerWrite}`;
  const known = made.get(key);
  if (known !== undefined) return known;
  const writes = [Buffer.concat([Buffer.from(streamHead), framed(beginning(format))])];
  for (let first = 0; first < chunks; first += chunksPerWrite) {
    const count = Math.min(chunksPerWrite, chunks - first);
    const events = Array.from({ length: count }, (_, index) => chunkEvent(format, word(first + index)));
    writes.push(framed(events.join('')));
  }
  writes.push(Buffer.concat([framed(ending(format, chunks)), lastFrame]));
  made.set(key, writes);
  return writes;
}

function answer(socket: Socket, path: string, body: Buffer): void {
  const current = plan;
  const format: Format = path.endsWith('/messages') ? 'anthropic' : 'chat';
  if (path.endsWith('/models')) {
    socket.write(document('200 OK', '{"object":"list","data":[{"id":"qwen3-coder-plus","object":"model"}]}'));
    return;
  }
  if (body.length > 500_000 && body.indexOf(endMark) === -1) {
    socket.write(document('400 Bad Request', '{"error":{"message":"The context has lost its end."}}'));
    return;
  }
  if (body.indexOf('"stream":true') === -1) {
    socket.write(document('200 OK', completion(current.chunks)));
    return;
  }
  if (current.paceMs > 0) {
    paced(socket, format, current);
    return;
  }
  const writes = writesOf(format, current);
  let next = 0;
  const go = () => {
    while (next < writes.length) {
      const bytes = writes[next++];
      if (bytes !== undefined && !socket.write(bytes) && next < writes.length) return void socket.once('drain', go);
    }
  };
  go();
}

function paced(socket: Socket, format: Format, { chunks, paceMs }: AnswerPlan): void {
  socket.write(Buffer.concat([Buffer.from(streamHead), framed(beginning(format))]));
  let sent = 0;
  const timer = setInterval(() => {
    socket.write(framed(chunkEvent(format, word(sent, nowMicros()))));
    if (++sent < chunks) return;
    stop();
    socket.write(Buffer.concat([framed(ending(format, chunks)), lastFrame]));
  }, paceMs);
  // The connection serves other answers after this one.
  const stop = () => {
    clearInterval(timer);
    socket.off('close', stop);
  };
  socket.once('close', stop);
}

const server = createServer({ noDelay: true }, (socket) => {
  let parts: Buffer[] = [];
  let bytes = 0;
  let head: { readonly path: string; readonly start: number; readonly end: number | 'chunked' } | undefined;
  socket.on('error', () => {});
  socket.on('data', (read) => {
    parts.push(read);
    bytes += read.length;
    while (bytes > 0) {
      if (head === undefined) {
        const all = Buffer.concat(parts);
        parts = [all];
        const end = all.indexOf('\r\n\r\n');
        if (end === -1) return;
        const lines = all.toString('latin1', 0, end);
        const length = /\r\ncontent-length: *(\d+)/i.exec(lines)?.[1];
        const isChunked = /\r\ntransfer-encoding: *chunked/i.test(lines);
        const start = end + 4;
        head = { path: lines.split(' ', 2)[1] ?? '/', start, end: isChunked ? 'chunked' : start + Number(length ?? 0) };
        if (/\r\nexpect: *100-continue/i.test(lines)) socket.write('HTTP/1.1 100 Continue\r\n\r\n');
      }
      let { end } = head;
      if (end === 'chunked') {
        const last = parts.at(-1);
        if (last === undefined || last.subarray(-5).toString('latin1') !== '0\r\n\r\n') return;
        end = bytes;
      }
      if (bytes < end) return;
      const all = Buffer.concat(parts);
      const { path, start } = head;
      head = undefined;
      parts = bytes > end ? [all.subarray(end)] : [];
      bytes -= end;
      answer(socket, path.split('?', 1)[0] ?? path, all.subarray(start, end));
    }
  });
});

process.on('message', (told: AnswerPlan) => {
  plan = told;
  process.send?.({ plan });
});
process.on('disconnect', () => process.exit(0));
server.listen(0, '127.0.0.1', 4_096, () => {
  const address = server.address();
  process.send?.({ port: typeof address === 'object' ? address?.port : undefined });
});
