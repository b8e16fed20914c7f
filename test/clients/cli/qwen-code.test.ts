import { itWorksAsAnAgent } from '../support/agent-contract.ts';
import { qwenCode } from '../support/qwen-code.ts';

describe('clients: Qwen Code on chat completions', function () {
  this.timeout(100_000);
  itWorksAsAnAgent(qwenCode('openai'));
});
