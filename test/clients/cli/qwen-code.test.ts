import { describeAgent } from '../support/agent-contract.ts';
import { qwenCode } from '../support/qwen-code.ts';

describeAgent(qwenCode('openai'));
describeAgent(qwenCode('openai-responses'));
