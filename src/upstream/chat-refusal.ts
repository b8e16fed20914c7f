import { GatewayError } from '../core/errors.ts';

/** A request that no account could serve as it stands, told before it is sent. @param param in the client's spelling. */
export function refusal(param: string, message: string): GatewayError {
  return new GatewayError('invalid_request', message, { param });
}
