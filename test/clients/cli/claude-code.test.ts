import { describeAgent } from '../support/agent-contract.ts';
import { claudeCode } from '../support/claude-code.ts';

describeAgent(claudeCode);
