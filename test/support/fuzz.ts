import { connect } from 'node:net';
import { type Simulator, startSimulator } from '../simulator/simulator.ts';
import { createRandom, mutate, mutateJson } from './mutate.ts';
import { type RouteRequest, routeRequests } from './route-requests.ts';
import { clientKey, hurriedPauses, startProxy, type TestProxy } from './server-proxy.ts';
import { type RawUpstream, startUpstream } from './server-upstream.ts';

/** What a client did that the server did not answer as it should; the seed and the number make it again. */
export interface Finding {
  readonly number: number;
  readonly problem: string;
  readonly sent: string;
  readonly answer: string;
}

export interface FuzzReport {
  readonly sent: number;
  /** How often each status came; `none` = the connection was closed without an answer. */
  readonly statuses: Readonly<Record<string, number>>;
  readonly findings: readonly Finding[];
}

export interface FuzzOptions {
  readonly seed: number;
  /** Asked before each request. */
  readonly goesOn: (sent: number) => boolean;
  readonly atOnce?: number;
  /** Share of upstream answers that are mutated too, 0 to 1. */
  readonly upstreamShare?: number;
}

/** After this silence the client says that nothing more comes from it. */
const silenceMs = 200;
/** A connection that is not closed so long after that hangs. */
const hangMs = 30_000;

/** Throws mutated requests at every route of a server whose upstream answers with mutated bytes too. */
export async function fuzz({ seed, goesOn, atOnce = 8, upstreamShare = 0.5 }: FuzzOptions): Promise<FuzzReport> {
  const random = createRandom(seed);
  const simulator = await startSimulator({ keepRequests: 10 });
  simulator.addKey('sk-one');
  const upstream = await startMutatingUpstream(simulator, () => random() < upstreamShare, random);
  const origin = `http://127.0.0.1:${upstream.port}`;
  const server = await startProxy({
    accounts: { one: 'sk-one' },
    baseUrl: origin + new URL(simulator.baseUrl).pathname,
    anthropicBaseUrl: origin + new URL(simulator.anthropicBaseUrl).pathname,
    mode: 'editor',
    clock: hurriedPauses(1_000),
  });
  const statuses: Record<string, number> = {};
  const findings: Finding[] = [];
  let sent = 0;
  const worker = async () => {
    while (goesOn(sent)) {
      const number = sent++;
      const request = routeRequests[Math.floor(random() * routeRequests.length)] ?? { method: 'GET', path: '/' };
      const bytes = mutatedRequest(request, random);
      const logged = server.logs.length;
      const { answer, isHung } = await exchange(server.port, bytes);
      const found = [...answer.matchAll(/^HTTP\/1\.1 (\d{3})/gm)].map(([, status = '']) => status);
      for (const status of found.length === 0 ? ['none'] : found) statuses[status] = (statuses[status] ?? 0) + 1;
      const unexpected = server.logs
        .slice(logged)
        .find(({ message, fields }) => message === 'Unexpected error.' && answer.includes(String(fields?.request)));
      const problem = isHung
        ? 'the connection hangs'
        : unexpected !== undefined
          ? `unexpected: ${JSON.stringify(unexpected.fields)}`
          : found.includes('500')
            ? '500'
            : undefined;
      if (problem !== undefined) findings.push({ number, problem, sent: bytes.toString('latin1'), answer });
      // An upstream whose answers make no sense is left alone for a while; here it is asked again at once.
      if (number % 5 === 0) await server.proxy.clearAccount('one');
    }
  };
  try {
    await Promise.all(Array.from({ length: atOnce }, worker));
    await assertServes(server);
  } finally {
    await server.dispose();
    await upstream.close();
    await simulator.close();
  }
  return { sent, statuses, findings };
}

/** A server that was thrown anything at still answers. */
async function assertServes(server: TestProxy): Promise<void> {
  const { status } = await server.raw('/health', { method: 'GET' });
  if (status !== 200) throw new Error(`/health answers ${status}`);
}

/** A value that is wrong somewhere, a body with other bytes, or a message with other bytes: each tries other layers. */
function mutatedRequest({ method, path, body }: RouteRequest, random: () => number): Buffer {
  const kind = random();
  const value = kind < 0.6 && body !== undefined ? mutateJson(body, random) : body;
  const text = Buffer.from(value === undefined ? '' : JSON.stringify(value));
  const content = kind >= 0.6 && kind < 0.8 ? mutate(text, random) : text;
  const head = `${method} ${path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${clientKey}\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: ${content.length}\r\n\r\n`;
  const bytes = Buffer.concat([Buffer.from(head), content]);
  return kind >= 0.8 ? mutate(bytes, random) : bytes;
}

function exchange(port: number, bytes: Buffer): Promise<{ readonly answer: string; readonly isHung: boolean }> {
  return new Promise((resolve) => {
    let answer = '';
    let isHung = false;
    let hangTimer: NodeJS.Timeout | undefined;
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    socket.setEncoding('latin1').on('data', (part) => {
      answer += part;
    });
    socket.on('error', () => {});
    socket.on('end', () => socket.end());
    socket.setTimeout(silenceMs, () => {
      if (hangTimer !== undefined) return;
      socket.end();
      hangTimer = setTimeout(() => {
        isHung = true;
        socket.destroy();
      }, hangMs);
    });
    socket.on('close', () => {
      clearTimeout(hangTimer);
      resolve({ answer, isHung });
    });
    socket.write(bytes);
  });
}

/** Passes requests on to the simulator, and some of its answers back with other bytes in them. */
function startMutatingUpstream(
  simulator: Simulator,
  mutates: () => boolean,
  random: () => number,
): Promise<RawUpstream> {
  return startUpstream(async (response, request, body) => {
    const headers = { authorization: request.headers.authorization ?? '', 'content-type': 'application/json' };
    try {
      const answer = await fetch(simulator.origin + request.url, {
        method: request.method ?? 'POST',
        headers,
        ...(request.method === 'POST' && { body }),
      });
      const bytes = Buffer.from(await answer.arrayBuffer());
      response.writeHead(answer.status, { 'content-type': answer.headers.get('content-type') ?? 'text/plain' });
      response.end(mutates() ? mutate(bytes, random) : bytes);
    } catch {
      response.destroy();
    }
  });
}
