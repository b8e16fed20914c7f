/** What the pretokeniser and the normaliser ask of a character. */
export const characterClass = { other: 1, mark: 2, letter: 3, number: 4, space: 5, newline: 6 } as const;

/** In the words of JavaScript's regular expressions; the first one that matches counts. */
const patterns: readonly (readonly [RegExp, number])[] = [
  [/^[\r\n]$/u, characterClass.newline],
  [/^\s$/u, characterClass.space],
  [/^\p{L}$/u, characterClass.letter],
  [/^\p{N}$/u, characterClass.number],
  [/^\p{M}$/u, characterClass.mark],
];

const classes = new Uint8Array(0x110000);

/** The class of a code point: looked up once by regular expression, then in a table. */
export function classOf(codePoint: number): number {
  const known = classes[codePoint];
  return known !== undefined && known !== 0 ? known : lookUp(codePoint);
}

function lookUp(codePoint: number): number {
  const character = String.fromCodePoint(codePoint);
  const found = patterns.find(([pattern]) => pattern.test(character))?.[1] ?? characterClass.other;
  classes[codePoint] = found;
  return found;
}
