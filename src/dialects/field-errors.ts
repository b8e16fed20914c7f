import { GatewayError } from '../core/errors.ts';

/** A field of the client's cannot be served as it stands. @param param As in `messages[2].role`. */
export function badField(param: string, reason: string): GatewayError {
  return new GatewayError('invalid_request', `Invalid value for '${param}': ${reason}`, { param });
}

export function missingField(param: string): GatewayError {
  return new GatewayError('invalid_request', `Missing required parameter: '${param}'.`, { param });
}
