import { itWorksAsAnAgent } from '../support/agent-contract.ts';
import { opencode } from '../support/opencode.ts';

describe('clients: opencode on chat completions', function () {
  this.timeout(100_000);
  itWorksAsAnAgent(opencode);
});
