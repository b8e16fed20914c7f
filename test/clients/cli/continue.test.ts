import { itWorksAsAnAgent } from '../support/agent-contract.ts';
import { continueCli } from '../support/continue.ts';

describe('clients: Continue on chat completions', function () {
  this.timeout(100_000);
  itWorksAsAnAgent(continueCli);
});
