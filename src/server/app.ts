import { randomUUID } from 'node:crypto';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { NamedClientKey } from '../core/client-key.ts';
import type { Logger } from '../core/contracts.ts';
import type { ProxyControl } from '../core/control.ts';
import type { Dialect, ErrorDialect } from '../core/dialect.ts';
import { GatewayError, toGatewayError } from '../core/errors.ts';
import { gatewayPaths } from '../core/gateway-protocol.ts';
import type { JsonObject } from '../core/json.ts';
import { releaseSource } from '../core/json-source.ts';
import type { ProxySettings } from '../core/settings.ts';
import type { Gateway } from '../gateway/gateway.ts';
import {
  type AnthropicSurface,
  anthropicMethods,
  idHeaders,
  registerAnthropicRoutes,
  speaksAnthropic,
} from './anthropic-routes.ts';
import { handleAuthRoute } from './auth-routes.ts';
import { type ReadJsonBody, readJsonBody } from './body.ts';
import { allowCors } from './cors.ts';
import { type GatewaySurface, gatewayMethods, registerGatewayRoutes } from './gateway-routes.ts';
import { checkAdminKey, checkClientKey, checkOrigin, checkTarget } from './guard.ts';
import { createLazyRouter } from './lazy-router.ts';
import { limits } from './limits.ts';
import { createMetricsRoute, type MetricsRouteOptions } from './metrics-route.ts';
import { checkModelName } from './model-name.ts';
import { type ModelsRoutesOptions, registerModelsRoutes } from './models-routes.ts';
import { openUntil } from './open-until.ts';
import { normalisePath, unknownUrl } from './path.ts';
import { createNodeExchange, refuse, sendJson } from './respond.ts';
import { type ResponsesRoutesOptions, registerResponsesRoutes } from './responses-routes.ts';
import type { Route } from './router.ts';
import { createUploadBudget } from './upload-budget.ts';
import type { WindowOwner } from './window-owner.ts';
import { registerWindowRoutes } from './window-routes.ts';

export interface AppOptions
  extends ModelsRoutesOptions,
    MetricsRouteOptions,
    Omit<ResponsesRoutesOptions, 'bodyLimitBytes' | 'readBody'> {
  readonly settings: () => Pick<ProxySettings, 'stream' | 'uploadLimitBytes'>;
  readonly dialects: readonly Dialect[];
  /** Shapes the errors of requests that belong to no dialect. */
  readonly errors: ErrorDialect;
  readonly anthropic: AnthropicSurface;
  readonly gateway: Gateway;
  /** Holds a client to its limits; what it returns is called when the request is over. */
  readonly admit: (
    key: NamedClientKey | undefined,
    model: string | undefined,
    userAgent: string | undefined,
  ) => (() => void) | Promise<() => void>;
  readonly signIn: Pick<ProxyControl, 'startSignIn' | 'pollSignIn'>;
  /** Epoch milliseconds. */
  readonly now: () => number;
  readonly health: () => JsonObject;
  /** Told the error code of every request that was refused before the gateway saw it. */
  readonly onRefused: (code: string) => void;
  /** Aborts when the server stops: open answers end truthfully. */
  readonly stopping: AbortSignal;
  readonly logger: Logger;
  /** Told how many requests for generated text are open, on every change. */
  readonly onOpenRequests: (count: number) => void;
  /** The windows of this install, where the editor runs the server. */
  readonly windows?: () => WindowOwner | undefined;
  /** What editors that follow this server see of it, where it runs headless. */
  readonly teamGateway?: GatewaySurface;
  readonly bodyLimitBytes?: number;
  readonly concurrencyLimit?: number;
  readonly clientStallMs?: number;
}

/** One request on its way through the app. */
interface Visit {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly requestId: string;
  readonly params: Readonly<Record<string, string>>;
}

/** The HTTP surface as a node listener: guard, then routing; nothing is routed that the guard refused. */
export function createApp(options: AppOptions): RequestListener {
  const { policy, anthropic } = options;
  /** Errors of requests that belong to no dialect. */
  const errorsOf = (request: IncomingMessage) => (speaksAnthropic(request) ? anthropic.errors : options.errors);
  const concurrencyLimit = options.concurrencyLimit ?? limits.concurrentRequests;
  const bodyLimitBytes = options.bodyLimitBytes ?? limits.bodyBytes;
  let openRequests = 0;
  const uploads = createUploadBudget(() => options.settings().uploadLimitBytes);
  const readBody: ReadJsonBody = (request, limitBytes) => readJsonBody(request, limitBytes, uploads);
  const open = openUntil(options.stopping);
  const routes: Route[] = [];
  /** By method and path, where nothing has to be matched: most requests go there, and routing them costs a tenth of their time. */
  const exact = new Map<string, (visit: Visit) => Promise<void>>();

  /** Runs a handler on the node request and response; what it throws is answered in the dialect's shape. */
  const route = (
    method: 'GET' | 'POST',
    path: string,
    dialect: ErrorDialect | undefined,
    handle: (visit: Visit) => Promise<void> | void,
  ) => {
    const answer = async (visit: Visit) => {
      try {
        await handle(visit);
      } catch (thrown) {
        answerError(visit, dialect ?? errorsOf(visit.request), toGatewayError(thrown));
      } finally {
        uploads.release(visit.request);
      }
    };
    if (!/[:*]/.test(path)) exact.set(`${method} ${path}`, answer);
    routes.push({ method, path, handle: (response, params) => answer(visitOf(response, params)) });
  };

  const answerError = (
    { request, response, requestId }: Omit<Visit, 'params'>,
    dialect: ErrorDialect,
    error: GatewayError,
  ) => {
    if (error.code === 'internal')
      options.logger.error('Unexpected error.', { request: requestId, reason: String(error.cause) });
    options.onRefused(error.code);
    const { status, headers, body } = dialect.encodeError(error, {
      requestId,
      userAgent: request.headers['user-agent'],
    });
    refuse(request, response, { status, headers: { ...headers, ...idHeaders(requestId) }, body });
  };

  for (const dialect of options.dialects)
    for (const path of dialect.paths)
      route('POST', path, dialect, async ({ request, response, requestId }) => {
        const key = checkClientKey(request.headers, policy());
        if (openRequests >= concurrencyLimit)
          throw new GatewayError('too_many_requests', `More than ${concurrencyLimit} requests are open at once.`, {
            retryAfterMs: 1_000,
          });
        options.onOpenRequests(++openRequests);
        let release = () => {};
        let body: JsonObject | undefined;
        try {
          const decoded = dialect.decodeRequest(await readBody(request, bodyLimitBytes), options.settings());
          body = decoded.body;
          checkModelName(decoded.model);
          // It hears from now on whether the client goes away.
          const exchange = createNodeExchange({
            request,
            response,
            requestId,
            open,
            clientKey: key?.name,
            clientStallMs: options.clientStallMs ?? limits.clientStallMs,
          });
          release = await options.admit(key, decoded.model, request.headers['user-agent']);
          options.stopping.throwIfAborted();
          await options.gateway.run(dialect, decoded, exchange);
          await exchange.closed;
        } finally {
          release();
          if (body !== undefined) releaseSource(body);
          options.onOpenRequests(--openRequests);
        }
      });

  registerAnthropicRoutes(route, anthropic, { policy, bodyLimitBytes, readBody });
  route('GET', '/health', undefined, ({ response, requestId }) =>
    sendJson(response, 200, { 'cache-control': 'no-store', 'x-request-id': requestId }, options.health()),
  );
  route('GET', '/metrics', undefined, createMetricsRoute(options));
  registerModelsRoutes((path, handle) => route('GET', path, undefined, handle), options);
  registerResponsesRoutes((method, path, handle) => route(method, path, undefined, handle), {
    ...options,
    bodyLimitBytes,
    readBody,
  });
  for (const path of ['/auth/initiate', '/auth/poll'] as const)
    route('POST', path, undefined, async ({ request, response, requestId }) => {
      checkAdminKey(request.headers, policy());
      const body =
        request.headers['content-length'] === '0' || !hasBody(request) ? {} : await readBody(request, 64 * 1024);
      const { status, answer } = await handleAuthRoute(path, body, options);
      sendJson(response, status, { 'cache-control': 'no-store', 'x-request-id': requestId }, answer);
    });

  const { windows, teamGateway } = options;
  if (windows)
    registerWindowRoutes((method, path, handle) => route(method, path, undefined, handle), windows, readBody);
  if (teamGateway) registerGatewayRoutes((path, handle) => route('GET', path, undefined, handle), teamGateway, options);

  const methods: Readonly<Record<string, string>> = {
    '/health': 'GET, HEAD',
    '/metrics': 'GET, HEAD',
    '/v1/models': 'GET, HEAD',
    '/auth/initiate': 'POST',
    '/auth/poll': 'POST',
    ...(teamGateway && gatewayMethods),
    ...anthropicMethods,
    ...Object.fromEntries(options.dialects.flatMap(({ paths }) => paths.map((path) => [path, 'POST']))),
  };
  routes.push({
    method: undefined,
    path: '/**',
    handle: async (response) => {
      const visit = visitOf(response, {});
      const path = visit.request.url?.split('?', 1)[0] ?? '';
      const errors = errorsOf(visit.request);
      const allowed = methods[path] ?? (/^(?:\/anthropic)?\/v1\/models\//.test(path) ? 'GET, HEAD' : undefined);
      if (allowed === undefined) return answerError(visit, errors, unknownUrl(visit.request, Object.keys(methods)));
      visit.response.setHeader('allow', allowed);
      answerError(
        visit,
        errors,
        new GatewayError('method_not_allowed', `${visit.request.method} is not answered at ${path}.`, {
          fix: `Send ${allowed.split(',', 1)[0]}.`,
        }),
      );
    },
  });

  const findRoute = createLazyRouter(routes);
  return (request, response) => {
    const requestId = `req_${randomUUID().replaceAll('-', '')}`;
    let known = exact.get(`${request.method} ${request.url}`);
    try {
      checkOrigin(request.headers, policy());
      checkTarget(request);
      if (known === undefined) {
        request.url = normalisePath(request.url ?? '/');
        const [path] = request.url.split('?', 1);
        // The response knows that it has no body to send; a feed has no end to wait for.
        if (request.method === 'HEAD' && path !== gatewayPaths.events) request.method = 'GET';
        known = exact.get(`${request.method} ${path}`);
      }
    } catch (thrown) {
      return answerError({ request, response, requestId }, errorsOf(request), toGatewayError(thrown));
    }
    if (allowCors({ request, response, requestId }, policy())) return;
    if (known !== undefined) return void known({ request, response, requestId, params: {} });
    visits.set(response, { request, response, requestId });
    findRoute(request, response);
  };
}

/**
 * The visit travels beside the response: h3 types its node objects as HTTP/1 or HTTP/2, and ids are not the client's to choose.
 * Only where a path has to be matched: a value that leads back to its key outlives it until the next full collection.
 */
const visits = new WeakMap<object, Omit<Visit, 'params'>>();

function visitOf(response: object, params: Readonly<Record<string, string>> = {}): Visit {
  const visit = visits.get(response);
  if (visit === undefined) throw new Error('A response without a visit.');
  return { ...visit, params };
}

const hasBody = (request: IncomingMessage) =>
  request.headers['content-length'] !== undefined || request.headers['transfer-encoding'] !== undefined;
