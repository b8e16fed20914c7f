import type { Plan, Route } from './contract.ts';

/** Where each product lives. Real ones have a host each; here it is a path prefix of one origin. */
export const surfacePaths = {
  standard: { openAi: '/compatible-mode/v1', anthropic: '/apps/anthropic' },
  coding: { openAi: '/coding/v1', anthropic: '/coding/apps/anthropic' },
  token: { openAi: '/token-plan/compatible-mode/v1', anthropic: '/token-plan/apps/anthropic' },
  portal: { openAi: '/portal/v1', anthropic: undefined },
} as const;

/** What a path means: whose surface, which route. */
export interface Target {
  readonly plan: Plan;
  readonly route: Route;
}

/** `POST` but for the model list. The plan hosts serve neither embeddings nor completions; the Coding Plan lists nothing. */
const openAiRoutes: Readonly<Record<Plan, readonly (readonly [method: string, path: string, route: Route])[]>> = {
  standard: [
    ['POST', '/chat/completions', 'chat'],
    ['POST', '/responses', 'responses'],
    ['POST', '/completions', 'completions'],
    ['POST', '/embeddings', 'embeddings'],
    ['GET', '/models', 'models'],
  ],
  coding: [['POST', '/chat/completions', 'chat']],
  token: [
    ['POST', '/chat/completions', 'chat'],
    ['POST', '/responses', 'responses'],
    ['GET', '/models', 'models'],
  ],
  portal: [['POST', '/chat/completions', 'chat']],
};

const targets = new Map<string, Target>(
  (['standard', 'coding', 'token', 'portal'] as const).flatMap((plan) => {
    const { openAi, anthropic } = surfacePaths[plan];
    const routes = openAiRoutes[plan].map(([method, path, route]): [string, Target] => [
      `${method} ${openAi}${path}`,
      { plan, route },
    ]);
    if (anthropic === undefined) return routes;
    return [
      ...routes,
      [`POST ${anthropic}/v1/messages`, { plan, route: 'messages' }],
      [`POST ${anthropic}/v1/messages/count_tokens`, { plan, route: 'count-tokens' }],
    ];
  }),
);

/** The target of a request; `undefined` where Qwen answers 404. The path must match exactly. */
export function findTarget(method: string, path: string): Target | undefined {
  return targets.get(`${method} ${path}`);
}
