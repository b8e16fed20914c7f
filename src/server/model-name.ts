import { GatewayError } from '../core/errors.ts';
import { limits } from './limits.ts';

/**
 * A name is kept with its request, in the ledger and beside failures: one as long as a body would be kept as well.
 * @throws GatewayError `invalid_request`
 */
export function checkModelName(model: string | undefined): void {
  if (model === undefined || model.length <= limits.modelNameLength) return;
  throw new GatewayError('invalid_request', `A model's name is at most ${limits.modelNameLength} characters long.`, {
    param: 'model',
  });
}
