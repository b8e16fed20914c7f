import { randomUUID } from 'node:crypto';
import { EventEmitter, once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Answer, Fault, KeyOptions, Matcher, RecordedRequest } from './contract.ts';
import { Credentials } from './credentials.ts';
import { deliver } from './delivery.ts';
import { isObject } from './json.ts';
import { OAuthServer } from './oauth.ts';
import { OpenSet } from './open-set.ts';
import { ScriptQueue } from './queue.ts';
import { catalogueEntry, parameterRefusal } from './refusal.ts';
import { bodyReply, type Reply } from './reply.ts';
import { readBody } from './request-body.ts';
import { RequestLog } from './request-log.ts';
import { answerRoute } from './routes.ts';
import { findTarget, surfacePaths } from './surfaces.ts';

export interface SimulatorOptions {
  /** 0, the default, takes a free one. */
  readonly port?: number;
  /** The clock of everything that expires; epoch milliseconds. */
  readonly now?: () => number;
  /** How many requests `requests` holds; all unless told. Benchmarks want few. */
  readonly keepRequests?: number;
}

/** Starts a simulated Qwen on 127.0.0.1: inference on four surfaces, and the OAuth server. */
export async function startSimulator(options: SimulatorOptions = {}): Promise<Simulator> {
  const simulator = new Simulator(options);
  await simulator.listen(options.port ?? 0);
  return simulator;
}

/** A running simulation. It refuses what Qwen refuses, in Qwen's words. */
export class Simulator {
  readonly oauth: OAuthServer;
  readonly #server: Server;
  readonly #now: () => number;
  readonly #credentials: Credentials;
  readonly #faults = new ScriptQueue<Matcher & { readonly fault: Fault | readonly Fault[] }>();
  readonly #answers = new ScriptQueue<Matcher & { readonly answer: Answer }>();
  readonly #log: RequestLog;
  readonly #changes = new EventEmitter().setMaxListeners(0);
  readonly #sockets = new OpenSet(() => this.#changed());
  readonly #streams = new OpenSet(() => this.#changed());
  readonly #responses = new OpenSet(() => this.#changed());
  #origin = '';

  constructor({ now = Date.now, keepRequests = Number.POSITIVE_INFINITY }: SimulatorOptions) {
    this.#now = now;
    this.oauth = new OAuthServer(() => this.#origin, now);
    this.#credentials = new Credentials((token) => this.oauth.acceptsAccessToken(token));
    this.#log = new RequestLog(keepRequests, () => this.#changed());
    // A pooled connection must not die of idleness while a test thinks.
    this.#server = createServer({ keepAliveTimeout: 60_000, requestTimeout: 0 }, (request, response) => {
      void this.#serve(request, response);
    });
    this.#server.on('connection', (socket) => this.#sockets.track(socket));
  }

  get origin(): string {
    return this.#origin;
  }

  /** OpenAI base of the general surface. */
  get baseUrl(): string {
    return this.#origin + surfacePaths.standard.openAi;
  }

  get anthropicBaseUrl(): string {
    return this.#origin + surfacePaths.standard.anthropic;
  }

  get codingBaseUrl(): string {
    return this.#origin + surfacePaths.coding.openAi;
  }

  get codingAnthropicBaseUrl(): string {
    return this.#origin + surfacePaths.coding.anthropic;
  }

  get tokenPlanBaseUrl(): string {
    return this.#origin + surfacePaths.token.openAi;
  }

  get tokenPlanAnthropicBaseUrl(): string {
    return this.#origin + surfacePaths.token.anthropic;
  }

  get portalBaseUrl(): string {
    return this.#origin + surfacePaths.portal.openAi;
  }

  /** All requests in order of arrival, OAuth included. */
  get requests(): readonly RecordedRequest[] {
    return this.#log.requests;
  }

  get chatRequests(): readonly RecordedRequest[] {
    return this.#log.requests.filter((request) => request.path.endsWith('/chat/completions'));
  }

  /** Requests to the Anthropic surface, counts left out. */
  get messagesRequests(): readonly RecordedRequest[] {
    return this.#log.requests.filter((request) => request.path.endsWith('/v1/messages'));
  }

  /** Event streams now open. */
  get openStreams(): number {
    return this.#streams.size;
  }

  /** Connections now open. */
  get sockets(): number {
    return this.#sockets.size;
  }

  /** Makes a credential valid, on the surface of its plan only. */
  addKey(key: string, options: KeyOptions = {}): void {
    this.#credentials.add(key, options);
  }

  /** Makes a credential unknown again. */
  removeKey(key: string): void {
    this.#credentials.remove(key);
  }

  /** Spoils the next matching valid requests; an array combines faults on one request. */
  fail(fault: Matcher & { readonly fault: Fault | readonly Fault[] }): void {
    // An id that is not in the catalogue fails the test here, not in the middle of a request.
    for (const each of [fault.fault].flat()) if ('id' in each && each.id !== undefined) catalogueEntry(each.id);
    this.#faults.add(fault);
  }

  /** Answers the next matching valid requests with this. */
  script(answer: Matcher & { readonly answer: Answer }): void {
    this.#answers.add(answer);
  }

  /**
   * How many chat and messages requests were answered completely, for one key or all. A split or compressed answer counts only some
   * turns after a client can have decoded all of its content.
   */
  answered(key?: string): number {
    return this.#log.answered(key);
  }

  /** Resolves as soon as the condition holds; looked at after every change here, so no test needs to poll. */
  async until(condition: () => boolean, signal?: AbortSignal): Promise<void> {
    while (!condition()) await once(this.#changes, 'change', signal ? { signal } : {});
  }

  /** Forgets keys, scripts, faults, records and OAuth state, and breaks off answers in progress. Idle connections stay. */
  reset(): void {
    this.#credentials.clear();
    this.#faults.clear();
    this.#answers.clear();
    this.#log.clear();
    this.oauth.reset();
    this.#responses.destroyAll();
  }

  async listen(port: number): Promise<void> {
    this.#server.listen(port, '127.0.0.1');
    await once(this.#server, 'listening');
    this.#origin = `http://127.0.0.1:${addressOf(this.#server).port}`;
    this.oauth.reset();
  }

  async close(): Promise<void> {
    if (!this.#server.listening) return;
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = (request.url ?? '').replace(/\?.*$/, '');
    const record = this.#log.open(request, path);
    const closed = new AbortController();
    this.#responses.track(response);
    response.on('error', () => undefined);
    response.once('close', () => {
      closed.abort();
      // Also a complete answer, if the client left before it got there.
      if (!response.writableFinished && record.answered !== 'cut') this.#log.settle(record, 'aborted');
    });
    try {
      const body = await readBody(request);
      record.rawBody = body.text;
      record.body = body.parsed;
      const reply = body.tooLarge ?? this.#answer(request, path, record);
      record.status = reply.status;
      response.setHeader('x-request-id', randomUUID());
      if (reply.streaming) this.#streams.track(response);
      await deliver(reply, response, closed.signal);
      if (record.answered === 'open') this.#log.settle(record, reply.outcome);
    } catch (error) {
      if (closed.signal.aborted || request.errored) return;
      response.destroy();
      throw error;
    }
  }

  #answer(request: IncomingMessage, path: string, record: RecordedRequest): Reply {
    const isPost = request.method === 'POST';
    const oauthReply = isPost ? this.oauth.answer(path, request.headers, record.rawBody) : undefined;
    if (oauthReply) return oauthReply;
    const target = findTarget(request.method ?? '', path);
    if (!target) return bodyReply(404, '', '');
    const admission = this.#credentials.admit(request.headers, target.plan);
    if (admission.kind === 'refused') return admission.reply;
    if (isPost && !isObject(record.body))
      return parameterRefusal('Required body invalid, please check the request body format.');
    const body = isObject(record.body) ? record.body : {};
    const model = typeof body.model === 'string' ? body.model : undefined;
    const match = { route: target.route, key: admission.key, model, body };
    return answerRoute({
      ...target,
      body,
      key: admission.key,
      models: admission.models,
      nowMs: this.#now(),
      takeAnswer: () => this.#answers.take(match)?.answer,
      takeFaults: () => [this.#faults.take(match)?.fault ?? []].flat(),
    });
  }

  #changed(): void {
    this.#changes.emit('change');
  }
}

function addressOf(server: Server): AddressInfo {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new TypeError('the simulator listens on no port');
  return address;
}
