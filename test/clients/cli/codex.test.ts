import { describeAgent } from '../support/agent-contract.ts';
import { codex } from '../support/codex.ts';

describeAgent(codex('exec_command'));
describeAgent(codex('apply_patch'));
