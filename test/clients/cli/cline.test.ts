import { itWorksAsAnAgent } from '../support/agent-contract.ts';
import { cline } from '../support/cline.ts';

describe('clients: Cline on chat completions', function () {
  this.timeout(100_000);
  itWorksAsAnAgent(cline);
});
