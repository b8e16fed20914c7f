import {
  createCipheriv,
  createDecipheriv,
  randomBytes,
  type ScryptOptions,
  scrypt,
  timingSafeEqual,
} from 'node:crypto';
import * as v from 'valibot';
import { InputError } from '../core/input-error.ts';
import { isJsonObject, parseJson } from '../core/json.ts';
import { shortestPassphrase } from '../core/shortest-passphrase.ts';
import { type Account, accountIdPattern, parseAccount } from './account.ts';

const format = 'qwen-proxy-accounts';
const version = 1;
const costs = { N: 2 ** 17, r: 8, p: 1 };
/** What a file may ask of this machine: 512 MiB, and a cost that ends. */
const memoryLimitBytes = 512 * 1024 * 1024;
const keyBytes = 32;

const base64 = v.pipe(v.string(), v.base64());
const costSchema = v.pipe(v.number(), v.integer(), v.minValue(1));
const fileSchema = v.object({
  format: v.literal(format),
  version: v.literal(version),
  kdf: v.object({
    name: v.literal('scrypt'),
    N: v.pipe(
      costSchema,
      v.minValue(2 ** 14),
      v.check((cost) => Number.isInteger(Math.log2(cost))),
    ),
    r: v.pipe(costSchema, v.maxValue(32)),
    p: v.pipe(costSchema, v.maxValue(16)),
    salt: base64,
  }),
  /** Tells a wrong passphrase from a file that was changed. */
  check: base64,
  cipher: v.object({ name: v.literal('aes-256-gcm'), iv: base64, tag: base64, text: base64 }),
});
type PortableFile = v.InferOutput<typeof fileSchema>;

/** Encrypts accounts with their credentials under a passphrase. */
export async function exportAccounts(accounts: readonly Account[], passphrase: string): Promise<string> {
  if (passphrase.length < shortestPassphrase)
    throw new InputError(`The passphrase needs at least ${shortestPassphrase} characters.`);
  const kdf: PortableFile['kdf'] = { name: 'scrypt', ...costs, salt: randomBytes(16).toString('base64') };
  const { key, check } = await deriveKeys(passphrase, kdf);
  const iv = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', key, iv).setAAD(headerOf(kdf));
  const text = Buffer.concat([cipher.update(JSON.stringify(accounts), 'utf8'), cipher.final()]);
  const file: PortableFile = {
    format,
    version,
    kdf,
    check: check.toString('base64'),
    cipher: {
      name: 'aes-256-gcm',
      iv: iv.toString('base64'),
      tag: cipher.getAuthTag().toString('base64'),
      text: text.toString('base64'),
    },
  };
  return `${JSON.stringify(file, null, 2)}\n`;
}

/** @throws InputError that says what is wrong: the passphrase, the file's age, its state, or that it is no such file. */
export async function importAccounts(text: string, passphrase: string): Promise<readonly Account[]> {
  const file = readFile(text);
  const { key, check } = await deriveKeys(passphrase, file.kdf);
  const expected = Buffer.from(file.check, 'base64');
  if (expected.length !== check.length || !timingSafeEqual(expected, check))
    throw new InputError('The passphrase is wrong.');
  return decrypt(file, key).map(toAccount);
}

function readFile(text: string): PortableFile {
  const parsed = parseJson(text);
  if (!isJsonObject(parsed) || parsed.format !== format)
    throw new InputError('This is not a file of exported accounts.');
  if (typeof parsed.version === 'number' && parsed.version > version)
    throw new InputError('A newer version of Qwen Proxy wrote this file. Update Qwen Proxy, then import it again.');
  const result = v.safeParse(fileSchema, parsed);
  if (!result.success || 128 * result.output.kdf.N * result.output.kdf.r > memoryLimitBytes) throw damaged();
  return result.output;
}

function decrypt({ kdf, cipher }: PortableFile, key: Buffer): readonly unknown[] {
  try {
    const options = { authTagLength: 16 };
    const decipher = createDecipheriv('aes-256-gcm', key, Buffer.from(cipher.iv, 'base64'), options)
      .setAAD(headerOf(kdf))
      .setAuthTag(Buffer.from(cipher.tag, 'base64'));
    const bytes = Buffer.concat([decipher.update(Buffer.from(cipher.text, 'base64')), decipher.final()]);
    const accounts = parseJson(bytes.toString('utf8'));
    if (Array.isArray(accounts)) return accounts;
  } catch {
    // What does not authenticate is not looked into any further.
  }
  throw damaged();
}

function toAccount(entry: unknown): Account {
  const account = parseAccount(JSON.stringify(entry));
  if (account === undefined || !accountIdPattern.test(account.id))
    throw new InputError('The file holds an account that this version cannot read. Update Qwen Proxy, then try again.');
  return account;
}

/** Two independent halves of one derivation: the key of the cipher, and what tells whether the passphrase is right. */
async function deriveKeys(passphrase: string, kdf: PortableFile['kdf']): Promise<{ key: Buffer; check: Buffer }> {
  const { N, r, p } = kdf;
  const options: ScryptOptions = { N, r, p, maxmem: 2 * memoryLimitBytes };
  const derived = await new Promise<Buffer>((resolve, reject) => {
    // The same passphrase typed on another system may be composed of other code points.
    scrypt(passphrase.normalize('NFC'), Buffer.from(kdf.salt, 'base64'), 2 * keyBytes, options, (error, bytes) =>
      error === null ? resolve(bytes) : reject(error),
    );
  });
  return { key: derived.subarray(0, keyBytes), check: derived.subarray(keyBytes) };
}

const headerOf = (kdf: PortableFile['kdf']) =>
  Buffer.from(JSON.stringify([format, version, kdf.name, kdf.N, kdf.r, kdf.p, kdf.salt]));
const damaged = () => new InputError('The file was changed or damaged since it was exported.');
