import type { SecretStore } from '../core/contracts.ts';
import { isJsonObject, parseJson, stringField } from '../core/json.ts';

const prefix = 'gateway:';

/** The keys of one gateway. */
export interface GatewayKeys {
  readonly clientKey: string;
  /** Shows the accounts; never given to a client. */
  readonly adminKey?: string;
}

/** Entries that the server has no business with: it hands its own to other windows. */
export const isGatewayEntry = (name: string): boolean => name.startsWith(prefix);

/** The keys that were given for this very origin, whatever the settings said then. */
export async function readGatewayKeys(
  secrets: Pick<SecretStore, 'get'>,
  origin: string,
): Promise<GatewayKeys | undefined> {
  const entry = parseJson((await secrets.get(prefix + origin)) ?? '');
  if (!isJsonObject(entry)) return undefined;
  const [clientKey, adminKey] = [stringField(entry, 'clientKey'), stringField(entry, 'adminKey')];
  return clientKey === undefined ? undefined : { clientKey, ...(adminKey !== undefined && { adminKey }) };
}

export async function storeGatewayKeys(
  secrets: Pick<SecretStore, 'set'>,
  origin: string,
  keys: GatewayKeys,
): Promise<void> {
  await secrets.set(prefix + origin, JSON.stringify(keys));
}

export async function forgetGatewayKeys(secrets: Pick<SecretStore, 'delete'>, origin: string): Promise<void> {
  await secrets.delete(prefix + origin);
}

/** What a request carries: the client's key as bearer token, the administrator's beside it. */
export function headersOf({ clientKey, adminKey }: GatewayKeys): Readonly<Record<string, string>> {
  return { authorization: `Bearer ${clientKey}`, ...(adminKey !== undefined && { 'x-api-key': adminKey }) };
}
