import type { Account } from '../accounts/account.ts';
import type { Standing } from '../accounts/health.ts';
import type { ProxySettings } from '../core/settings.ts';
import type { WireFormat } from '../core/upstream.ts';
import { resolveModel } from '../upstream/model-choice.ts';
import { plan } from '../upstream/plans.ts';
import type { ModelLists } from './model-lists.ts';
import { type ModelObject, modelObject } from './model-object.ts';

export interface ModelDirectoryOptions {
  readonly lists: ModelLists;
  readonly settings: () => Pick<ProxySettings, 'defaultModel' | 'modelAliases'>;
  readonly accounts: () => readonly Account[];
  readonly standing: (account: Account) => Standing;
}

/** Which models the accounts offer, and which of them a client's words mean. */
export interface ModelDirectory {
  /** The model an account is asked for, given what the client asked; `undefined` where its plan cannot serve that. */
  modelFor(account: Account, asked: string | undefined, format?: WireFormat): string | undefined;
  /** The models of all accounts that can serve, and the aliases that are one name. */
  list(): Promise<readonly ModelObject[]>;
  /** Ids of the text models of one account; none for an account that is not there. */
  listOf(id: string): Promise<readonly string[]>;
  /** Forgets what was fetched for an account. */
  forget(id: string): void;
}

export function createModelDirectory({ lists, settings, accounts, standing }: ModelDirectoryOptions): ModelDirectory {
  /** Who waits for a quota or for the user serves nobody's list, unless nobody else is there. */
  const serving = (): readonly Account[] => {
    const enabled = accounts().filter((account) => account.enabled);
    const healthy = enabled.filter((account) => ['ready', 'cooling'].includes(standing(account).state));
    return healthy.length > 0 ? healthy : enabled;
  };

  return {
    modelFor(account, asked, format) {
      const formats = plan(account.plan)?.formats ?? [];
      const isEmbedding = format === 'openai-embeddings';
      if (isEmbedding && !formats.includes(format)) return undefined;
      const { text, embeddings } = lists.known(account);
      const { defaultModel, modelAliases: aliases } = settings();
      return resolveModel(asked, {
        defaultModel,
        aliases,
        format,
        available: isEmbedding ? embeddings : text,
        fillsIn: formats.includes('openai-completions'),
      });
    },
    async list() {
      const offered = await Promise.all(serving().map(lists.current));
      const ids = new Set([...offered.flatMap(({ text }) => text), ...offered.flatMap(({ embeddings }) => embeddings)]);
      const aliases = settings().modelAliases.filter(
        ({ pattern, model }) => !pattern.includes('*') && !ids.has(pattern) && ids.has(model),
      );
      return [
        ...[...ids].map((id) => modelObject(id)),
        ...aliases.map((each) => modelObject(each.pattern, each.model)),
      ];
    },
    async listOf(id) {
      const account = accounts().find((each) => each.id === id);
      return account === undefined ? [] : (await lists.current(account)).text;
    },
    forget: (id) => lists.forget(id),
  };
}
