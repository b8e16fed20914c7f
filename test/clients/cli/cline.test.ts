import { describeAgent } from '../support/agent-contract.ts';
import { cline } from '../support/cline.ts';

describeAgent(cline);
