import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes, timingSafeEqual } from 'node:crypto';
import { parseJson } from '../core/json.ts';

/** Who speaks; part of what is authenticated, so that nobody's words come back as the other's. */
export type Speaker = 'owner' | 'follower';

/** What a window proves about itself: that it knows the install's control secret, for this port, process and nonce. */
export interface IdentityClaim {
  readonly role: Speaker;
  readonly port: number;
  readonly pid: number;
  /** Chosen by the one who asks, new each time. */
  readonly nonce: string;
}

const ivBytes = 12;
const tagBytes = 16;
/** Messages overtake one another by a few; one that is missing this long never comes, and is not waited for. */
const overtakingMessages = 1_024;

export function createNonce(): string {
  return randomBytes(24).toString('base64url');
}

/** HMAC-SHA-256 over the claim with the control secret. */
export function proveIdentity(controlSecret: string, { role, port, pid, nonce }: IdentityClaim): string {
  return createHmac('sha256', controlSecret)
    .update(`qwen-proxy identity\n${role}\n${port}\n${pid}\n${nonce}`)
    .digest('base64url');
}

/** Compares in constant time; a proof of another length is a wrong one. */
export function isProofOf(controlSecret: string, claim: IdentityClaim, proof: string): boolean {
  const expected = Buffer.from(proveIdentity(controlSecret, claim));
  const given = Buffer.from(proof);
  return expected.length === given.length && timingSafeEqual(expected, given);
}

/** One end of a conversation between two windows of an install. */
export interface SealedChannel {
  seal(value: unknown): string;
  /** @throws Error for what the other end did not seal in this conversation, and for what was opened before. */
  open(sealed: string): unknown;
}

/**
 * Seals JSON with AES-256-GCM under a key that HKDF derives from the control secret and both ends' nonces: credentials
 * cross the loopback only like this. Each message carries a number and opens once.
 */
export function createSealedChannel(
  controlSecret: string,
  { self, nonces }: { readonly self: Speaker; readonly nonces: { readonly owner: string; readonly follower: string } },
): SealedChannel {
  const salt = `${nonces.owner}\n${nonces.follower}`;
  const key = Buffer.from(hkdfSync('sha256', controlSecret, salt, 'qwen-proxy windows', 32));
  const other: Speaker = self === 'owner' ? 'follower' : 'owner';
  let sent = 0;
  const opened = new Set<number>();
  let allOpenedBelow = 1;

  return {
    seal(value) {
      const iv = randomBytes(ivBytes);
      const cipher = createCipheriv('aes-256-gcm', key, iv).setAAD(Buffer.from(self));
      const text = JSON.stringify({ number: ++sent, value });
      return Buffer.concat([iv, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()]).toString(
        'base64url',
      );
    },
    open(sealed) {
      const bytes = Buffer.from(sealed, 'base64url');
      if (bytes.length < ivBytes + tagBytes) throw new Error('The sealed message is too short.');
      const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, ivBytes)).setAAD(Buffer.from(other));
      decipher.setAuthTag(bytes.subarray(-tagBytes));
      const text = decipher.update(bytes.subarray(ivBytes, -tagBytes), undefined, 'utf8') + decipher.final('utf8');
      const message = parseJson(text);
      if (
        typeof message !== 'object' ||
        message === null ||
        !('number' in message) ||
        typeof message.number !== 'number'
      )
        throw new Error('The sealed message has no number.');
      // Calls may overtake one another; none may come twice.
      if (message.number < allOpenedBelow || opened.has(message.number))
        throw new Error('The sealed message was opened before.');
      opened.add(message.number);
      while (opened.delete(allOpenedBelow) || opened.size > overtakingMessages) allOpenedBelow++;
      return 'value' in message ? message.value : undefined;
    },
  };
}
