import { GatewayError } from '../../core/errors.ts';

/** A field at fault, in the words of Anthropic's API: `messages.2.content.0.type: Field required`. */
export function invalid(path: string, message: string): GatewayError {
  return new GatewayError('invalid_request', path === '' ? message : `${path}: ${message}`, {
    ...(path !== '' && { param: path }),
  });
}
