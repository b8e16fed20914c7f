/** How a vector travels: as numbers, or as the base64 of little-endian 32-bit floats, which is a fifth as long. */
export type EmbeddingEncoding = 'float' | 'base64';

/** A vector as an upstream gave it. */
export type EmbeddingVector = readonly number[] | string;

/** The vector in the encoding that the client wants, whichever it came in. */
export function encodeVector(vector: EmbeddingVector, encoding: EmbeddingEncoding): EmbeddingVector {
  if (typeof vector === 'string') return encoding === 'base64' ? vector : decodeFloats(vector);
  return encoding === 'float' ? vector : encodeFloats(vector);
}

function encodeFloats(numbers: readonly number[]): string {
  const bytes = Buffer.allocUnsafe(numbers.length * 4);
  for (const [index, number] of numbers.entries()) bytes.writeFloatLE(number, index * 4);
  return bytes.toString('base64');
}

function decodeFloats(base64: string): readonly number[] {
  const bytes = Buffer.from(base64, 'base64');
  return Array.from({ length: Math.floor(bytes.length / 4) }, (_, index) => bytes.readFloatLE(index * 4));
}
