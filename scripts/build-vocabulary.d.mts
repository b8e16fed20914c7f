export const vocabularyPackageFolder: string;
export const vocabularyFileName: string;
export function buildVocabulary(): Buffer;
export function ensureVocabulary(path?: string): string;
