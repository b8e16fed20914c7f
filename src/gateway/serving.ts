import type { ProxyControl } from '../core/control.ts';
import type { Dialect } from '../core/dialect.ts';
import type { JsonObject } from '../core/json.ts';
import { createKeyRates } from '../core/key-rates.ts';
import type { ProxySettings } from '../core/settings.ts';
import { anthropicMessages } from '../dialects/anthropic-messages/index.ts';
import { openAiChat } from '../dialects/openai-chat/index.ts';
import { openAiCompletions } from '../dialects/openai-completions/index.ts';
import { openAiEmbeddings } from '../dialects/openai-embeddings/index.ts';
import { codexCatalogue } from '../dialects/openai-responses/codex-models.ts';
import { createOpenAiResponses } from '../dialects/openai-responses/index.ts';
import { createApp } from '../server/app.ts';
import type { GatewaySurface } from '../server/gateway-routes.ts';
import type { WindowOwner } from '../server/window-owner.ts';
import { type AnthropicSurfaceOptions, createAnthropicSurface } from './anthropic-surface.ts';
import type { Gateway } from './gateway.ts';
import { guardPolicyOf } from './guard-policy.ts';
import { describeHealth } from './health-answer.ts';
import { createHttpService, type HttpService } from './http-service.ts';
import { createKeyLimits } from './key-limits.ts';
import type { Metrics } from './metrics.ts';
import type { ProxyOptions } from './proxy-options.ts';
import type { UsageParts } from './usage-parts.ts';

/** Every client-facing format there is. */
const createDialects = (responses: Dialect) => [
  openAiChat,
  responses,
  openAiCompletions,
  openAiEmbeddings,
  anthropicMessages,
];

export interface ServingOptions {
  readonly options: ProxyOptions;
  readonly settings: () => ProxySettings;
  readonly clientKeys: () => readonly string[];
  readonly gateway: Gateway;
  readonly metrics: Metrics;
  readonly usage: Pick<UsageParts, 'tokensOfKey'>;
  readonly models: () => Promise<readonly (JsonObject & { readonly id: string })[]>;
  readonly countTokens: AnthropicSurfaceOptions['countTokens'];
  readonly signIn: () => Pick<ProxyControl, 'startSignIn' | 'pollSignIn'>;
  readonly windows: () => WindowOwner | undefined;
  readonly teamGateway: GatewaySurface;
  readonly now: () => number;
  readonly onChange: () => void;
}

/** The HTTP surface on its port, with the dialects it speaks. */
export function createServing(serving: ServingOptions): HttpService {
  const { options, settings, gateway, models, windows, now, onChange } = serving;
  const { logger, version, mode, bodyLimitBytes, concurrencyLimit, clientStallMs } = options;
  const responses = createOpenAiResponses();
  const dialects = createDialects(responses);
  let openRequests = 0;
  const admit = createKeyLimits({
    now,
    tokensToday: serving.usage.tokensOfKey,
    defaultModel: () => settings().defaultModel,
    rates: options.team?.keyRates ?? createKeyRates(now),
    requestsPerMinute: () => settings().requestsPerMinute,
    programRates: createKeyRates(now),
  });
  return createHttpService({
    address: settings,
    openRequests: () => openRequests,
    logger,
    onChange,
    createListener: (stopping) =>
      createApp({
        policy: () => guardPolicyOf(settings(), serving.clientKeys(), options.namedKeys?.()),
        settings,
        dialects,
        errors: openAiChat,
        anthropic: createAnthropicSurface({ models, countTokens: serving.countTokens }),
        gateway,
        admit,
        metrics: () => serving.metrics.text(),
        onRefused: (code) => serving.metrics.refused(code),
        models,
        codexCatalogue,
        countResponseInput: (body, context) => {
          const { model, translation, body: asSent } = responses.decodeRequest(body, settings());
          return serving.countTokens({ model, chat: translation?.chat ?? asSent }, context);
        },
        signIn: serving.signIn(),
        now,
        health: () => describeHealth({ name: 'qwen-proxy', version, mode, pid: process.pid }, options.team?.status()),
        stopping,
        logger,
        windows,
        ...(mode === 'headless' && { teamGateway: serving.teamGateway }),
        onOpenRequests: (count) => {
          openRequests = count;
        },
        ...(bodyLimitBytes !== undefined && { bodyLimitBytes }),
        ...(concurrencyLimit !== undefined && { concurrencyLimit }),
        ...(clientStallMs !== undefined && { clientStallMs }),
      }),
  });
}
