import { createHash } from 'node:crypto';
import type { Account } from '../accounts/account.ts';
import { kindOf } from '../accounts/kinds/kind.ts';
import { GatewayError } from '../core/errors.ts';
import type { JsonObject } from '../core/json.ts';
import { spliceJson } from '../core/json-splice.ts';
import type { LaneChoice } from '../core/settings.ts';
import type { Endpoints, WireFormat } from '../core/upstream.ts';
import { type NativeEventMeaning, openNativeStream } from '../upstream/native-stream.ts';
import { plan } from '../upstream/plans.ts';
import type { Attempt, OpenedAnswer } from './attempt.ts';
import type { ChatLaneOptions } from './chat-lane.ts';
import { sendWatched, withCredential } from './send.ts';

/** How one format other than Chat Completions is spoken to Qwen as it came. */
export interface NativeSurface {
  readonly format: WireFormat;
  /** Where its requests go; `undefined` where the account has no such endpoint. */
  url(endpoints: Endpoints): string | undefined;
  /** Whether everything in the body is proven to work with the model. */
  takes(body: JsonObject, model: string): boolean;
  edit(body: JsonObject, target: { readonly model: string; readonly account: string }): JsonObject;
  /** What goes along besides the headers of every request. */
  headers(passed: Readonly<Record<string, string>>): Readonly<Record<string, string>>;
  createReader(): (event: Buffer) => NativeEventMeaning;
  documentAsStream(document: JsonObject): string | undefined;
  /** Edits the answer's events for the client. @param model as it was asked for. */
  createEditor(options: { readonly model: string | undefined; readonly account: string }): (event: Buffer) => Buffer;
  /** The whole answer, from every event of it. */
  fold(events: readonly Buffer[]): JsonObject;
  /** The last words of a stream that breaks off, where they depend on what has been said. */
  fail?(error: GatewayError, said: { readonly first: Buffer; readonly last: Buffer }): string;
}

export interface NativeLaneOptions extends ChatLaneOptions {
  readonly lane: () => LaneChoice;
}

/** Plans and models that were taught something are this many at most: their names come from clients. */
const maximumTargets = 256;
/** Every request has these, so a refusal that names one is about this request alone. */
const universalFields = new Set(['model', 'messages', 'input', 'max_tokens', 'stream']);
/** What an endpoint answers that does not serve this plan or model at all. */
const absentCodes = new Set<GatewayError['code']>(['wrong_path', 'model_not_found', 'access_denied']);
const wholeSurface = '*';

/** The way to endpoints that speak the client's own format. */
export interface NativeLane {
  /** Resolves to nothing where the request has to be translated. */
  open(attempt: Attempt): Promise<OpenedAnswer | undefined>;
  /** What to remember if the request passes translated; `undefined` where the error stands. */
  lessonOf(error: unknown, attempt: Attempt): (() => void) | undefined;
}

/** A lane of one format, with what refusals have taught it about plans and their models. */
export function createNativeLane(surface: NativeSurface, options: NativeLaneOptions): NativeLane {
  const refused = new Map<string, ReadonlySet<string>>();

  const mayGo = ({ lease: { account, model }, request: { body } }: Attempt): boolean => {
    if (options.lane() === 'translate' || plan(account.plan)?.formats.includes(surface.format) !== true) return false;
    if (options.lane() === 'native') return true;
    const lessons = refused.get(targetOf(account, model));
    return (
      surface.takes(body, model) &&
      lessons?.has(wholeSurface) !== true &&
      Object.keys(body).every((name) => lessons?.has(name) !== true)
    );
  };

  const send = async (attempt: Attempt) => {
    const { lease, exchange, request } = attempt;
    const kind = kindOf(options.kinds, lease.account);
    if (kind.send !== undefined) return undefined;
    const account = tagOf(lease.account);
    return withCredential(kind, exchange.signal, async ({ authorization, endpoints }) => {
      const url = surface.url(endpoints);
      if (url === undefined) return undefined;
      const headers = {
        ...surface.headers(exchange.passedHeaders),
        authorization,
        'content-type': 'application/json',
        accept: 'text/event-stream',
        // Plan hosts gate by tool: the caller's own name goes along, none is made up.
        'user-agent': exchange.userAgent ?? options.userAgent,
        ...exchange.traceHeaders,
      };
      const body = spliceJson(surface.edit(request.body, { model: lease.model, account }), request.body);
      const watched = { ...options, signal: exchange.signal };
      const response = await sendWatched(options.transport.send, { method: 'POST', url, headers, body }, watched);
      return openNativeStream(response, {
        ...watched,
        read: surface.createReader(),
        documentAsStream: surface.documentAsStream,
      });
    });
  };

  return {
    async open(attempt) {
      const stream = mayGo(attempt) ? await send(attempt) : undefined;
      if (stream === undefined) return undefined;
      const { request, lease } = attempt;
      const edit = surface.createEditor({
        model: request.echoedModel ?? request.model,
        account: tagOf(lease.account),
      });
      let first: Buffer | undefined;
      let last: Buffer | undefined;
      return {
        lane: 'native',
        async *batches() {
          for await (const batch of stream.batches()) {
            const edited = batch.map(edit);
            first ??= edited[0];
            last = edited.at(-1) ?? last;
            yield edited;
          }
        },
        end: () => edit(stream.last()).toString(),
        document: (events) => surface.fold([...events, edit(stream.last())]),
        ...(surface.fail && {
          fail: (error) =>
            first === undefined || last === undefined ? undefined : surface.fail?.(error, { first, last }),
        }),
        usage: stream.usage,
      };
    },

    lessonOf(error, { lease: { account, model }, request: { body } }) {
      if (!(error instanceof GatewayError) || options.lane() === 'native') return undefined;
      const isAbsent = absentCodes.has(error.code);
      const fields = isAbsent ? [wholeSurface] : namedFields(error, body);
      if (fields.length === 0 || (!isAbsent && (error.code !== 'invalid_request' || error.upstreamStatus !== 400)))
        return undefined;
      return () => {
        const lasting = fields.filter((name) => !universalFields.has(name));
        if (lasting.length === 0) return;
        const target = targetOf(account, model);
        const known = refused.get(target) ?? new Set();
        refused.delete(target);
        refused.set(target, new Set([...known, ...lasting]));
        const [oldest] = refused.keys();
        if (refused.size > maximumTargets && oldest !== undefined) refused.delete(oldest);
      };
    },
  };
}

/** The fields of the body that a refusal speaks of. */
function namedFields({ param, message }: GatewayError, body: JsonObject): readonly string[] {
  const words = new Set(`${param ?? ''} ${message}`.split(/[^\w]+/));
  return Object.keys(body).filter((name) => words.has(name));
}

const targetOf = ({ plan, baseUrl, anthropicBaseUrl, responsesBaseUrl }: Account, model: string) =>
  JSON.stringify([plan, baseUrl, anthropicBaseUrl, responsesBaseUrl, model]);

/** Stands for an account where a client sees it. */
const tagOf = ({ id, createdAtMs }: Account) =>
  createHash('sha256').update(`${id}\n${createdAtMs}`).digest('base64url').slice(0, 12).replaceAll('.', '-');
