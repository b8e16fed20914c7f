import { describeAgent } from '../support/agent-contract.ts';
import { continueCli } from '../support/continue.ts';

describeAgent(continueCli);
