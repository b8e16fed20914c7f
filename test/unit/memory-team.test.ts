import { describe } from 'mocha';
import { createMemoryHub } from '../support/memory-team.ts';
import { teamContract } from '../support/team-contract.ts';

describe('a team in memory, which stands in for Redis in tests', () => {
  teamContract(async () => {
    const hub = createMemoryHub();
    return { join: async (replica) => hub.join(replica), dispose: async () => {} };
  });
});
