import type { Answer, Fault } from '../../simulator/contract.ts';
import { isObject, type JsonObject, objectsOf } from '../../simulator/json.ts';
import type { Simulator } from '../../simulator/simulator.ts';

/** Whether a chat request offers the tool. Clients' requests for titles and memories offer none, or others. */
export function offers(body: JsonObject, tool: string): boolean {
  return objectsOf(body.tools).some((entry) => isObject(entry.function) && entry.function.name === tool);
}

/** The ids of the calls whose results a chat request holds, in order. */
export function answeredCalls(body: JsonObject): readonly unknown[] {
  return objectsOf(body.messages)
    .filter((message) => message.role === 'tool')
    .map((message) => message.tool_call_id);
}

/**
 * Scripts an agent's turn: the first answer to a request without tool results, each next one when the calls of those
 * before have results. Going by what the request holds, and not by order, a repeated request gets the same answer again.
 * @param tool Offered by the agent's own requests only.
 */
export function scriptTurns(simulator: Simulator, tool: string, answers: readonly Answer[]): void {
  let expected = 0;
  for (const answer of answers) {
    const results = expected;
    simulator.script({
      answer,
      times: Number.POSITIVE_INFINITY,
      when: (body) => offers(body, tool) && answeredCalls(body).length === results,
    });
    expected += answer.toolCalls?.length ?? 0;
  }
}

/** Spoils the agent's own requests, and no others. */
export function spoil(simulator: Simulator, tool: string, fault: Fault, times = Number.POSITIVE_INFINITY): void {
  simulator.fail({ fault, times, when: (body) => offers(body, tool) });
}

/** The bodies of the agent's own requests that were answered whole. */
export function agentRequests(simulator: Simulator, tool: string): readonly JsonObject[] {
  return simulator.chatRequests
    .filter((request) => request.answered === 'complete')
    .map((request) => request.body)
    .filter(isObject)
    .filter((body) => offers(body, tool));
}
