/** A team gateway as a window sees it that follows it. */

/** `admin` sees every account and request; `client` sees how many accounts are ready, and what its own key did. */
export type GatewayScope = 'admin' | 'client';

/** How much of the gateway can serve. */
export interface GatewayReadiness {
  readonly ready: number;
  readonly total: number;
  /** What remains of what this key may use, 0 to 1; absent where no limit is known. */
  readonly left?: number;
}

export interface FollowedGateway {
  /** As the settings say it, or what is left of that: scheme, host, port and path. */
  readonly url: string;
  /** Absent until it has answered, like all that follows. */
  readonly version?: string;
  readonly scope?: GatewayScope;
  readonly readiness?: GatewayReadiness;
  /** Which of several servers answers. */
  readonly replica?: string;
}

/** Why a window does not follow the gateway of its settings. */
export const gatewayProblems = [
  /** The address is none, or would send the key in clear. */
  'gateway_url',
  'gateway_key_missing',
  /** The key is not known there, or not one for clients. */
  'gateway_key_refused',
  /** Something else in the request is refused: its Host, for one. */
  'gateway_forbidden',
  'gateway_unreachable',
  /** It speaks another version of the protocol, or none. */
  'gateway_version',
] as const;
export type GatewayProblem = (typeof gatewayProblems)[number];

export const isGatewayProblem = (code: string): code is GatewayProblem =>
  gatewayProblems.some((problem) => problem === code);
