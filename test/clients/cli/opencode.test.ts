import { describeAgent } from '../support/agent-contract.ts';
import { opencode } from '../support/opencode.ts';

describeAgent(opencode);
