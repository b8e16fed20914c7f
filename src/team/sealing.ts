import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';

export const sealingKeyBytes = 32;
const nonceBytes = 12;
const tagBytes = 16;

/** Seals texts with AES-256-GCM; each is bound to its name, so that none can be put in another one's place. */
export interface Sealer {
  seal(name: string, text: string): string;
  /** `undefined` where the text was sealed under another key or name, or was changed. */
  open(name: string, sealed: string): string | undefined;
}

/** @param key 32 bytes. */
export function createSealer(key: Buffer): Sealer {
  if (key.length !== sealingKeyBytes) throw new TypeError('A sealing key has 32 bytes.');
  return {
    seal(name, text) {
      const nonce = randomBytes(nonceBytes);
      const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(Buffer.from(name));
      const sealed = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
      return Buffer.concat([nonce, cipher.getAuthTag(), sealed]).toString('base64');
    },
    open(name, sealed) {
      const bytes = Buffer.from(sealed, 'base64');
      if (bytes.length < nonceBytes + tagBytes) return undefined;
      const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, nonceBytes))
        .setAAD(Buffer.from(name))
        .setAuthTag(bytes.subarray(nonceBytes, nonceBytes + tagBytes));
      try {
        return Buffer.concat([decipher.update(bytes.subarray(nonceBytes + tagBytes)), decipher.final()]).toString(
          'utf8',
        );
      } catch {
        return undefined;
      }
    },
  };
}
