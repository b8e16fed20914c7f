import type { Endpoints } from '../../core/upstream.ts';
import type { AccountOf } from '../account.ts';
import type { AccountKind } from './kind.ts';

/** API keys of any plan. Always sent as Bearer: some hosts refuse `x-api-key`. A refused key stays refused. */
export function createApiKeyKind(endpointsOf: (account: AccountOf<'api-key'>) => Endpoints): AccountKind<'api-key'> {
  return {
    name: 'api-key',
    credential: async (account) => ({
      authorization: `Bearer ${account.secret.key}`,
      endpoints: endpointsOf(account),
    }),
    recover: async (_account, _used, error) => error,
  };
}
