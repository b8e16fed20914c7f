import type { IncomingHttpHeaders } from 'node:http';
import type { KeyOptions, Plan } from './contract.ts';
import { catalogueReply, openAiRefusal } from './refusal.ts';
import type { Reply } from './reply.ts';

/** A credential found good for a surface. */
export interface Admitted {
  readonly kind: 'admitted';
  readonly key: string;
  readonly models: readonly string[] | undefined;
}

export type Admission = Admitted | { readonly kind: 'refused'; readonly reply: Reply };

/** The credential sent, if any. `x-api-key` is no credential here. */
export function bearerOf(headers: IncomingHttpHeaders): string | undefined {
  return /^Bearer +(\S+)$/.exec(headers.authorization ?? '')?.[1];
}

/** The keys the simulator knows, and who may enter which surface. */
export class Credentials {
  readonly #keys = new Map<string, KeyOptions & { readonly plan: Plan }>();
  readonly #acceptsAccessToken: (token: string) => boolean;

  /** @param acceptsAccessToken whether the OAuth server issued this token and it still lives */
  constructor(acceptsAccessToken: (token: string) => boolean) {
    this.#acceptsAccessToken = acceptsAccessToken;
  }

  add(key: string, options: KeyOptions): void {
    this.#keys.set(key, { ...options, plan: options.plan ?? 'standard' });
  }

  remove(key: string): void {
    this.#keys.delete(key);
  }

  clear(): void {
    this.#keys.clear();
  }

  admit(headers: IncomingHttpHeaders, surface: Plan): Admission {
    const key = bearerOf(headers);
    if (key === undefined) return refuse(catalogueReply(3));
    if (surface === 'portal' && this.#acceptsAccessToken(key)) return { kind: 'admitted', key, models: undefined };
    const options = this.#keys.get(key);
    if (options?.plan !== surface) return refuse(wrongKey(surface, options?.plan));
    const gate = options.acceptUserAgents;
    if (gate && !gate.test(headers['user-agent'] ?? '')) return refuse(catalogueReply(14));
    return { kind: 'admitted', key, models: options.models };
  }
}

function refuse(reply: Reply): Admission {
  return { kind: 'refused', reply };
}

/** The hosts word a wrong key differently; a plan key on the general host even gets another status. */
function wrongKey(surface: Plan, plan: Plan | undefined): Reply {
  if (surface !== 'standard') return catalogueReply(4);
  if (plan === 'coding' || plan === 'token') return openAiRefusal(403, 'invalid_api_key', 'invalid api-key');
  return openAiRefusal(401, 'invalid_api_key', 'Incorrect API key provided.');
}
