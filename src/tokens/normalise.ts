import { characterClass, classOf } from './character-class.ts';

/** Below it every character is its own normal form, and none is a combining mark. */
const firstAffected = 0x300;
/**
 * Marks in a row that are normalised together. Sorting them takes V8 (ICU) the square of their number: 80,000 take 5 s. Nothing
 * anybody writes has more than a few; Unicode's stream-safe format (UAX #15) allows 30.
 */
const longestMarkRun = 1_024;

/** Unicode's normal form C, in time that is linear in the text. */
export function normalise(text: string): string {
  let isAffected = false;
  let run = 0;
  let from = 0;
  let done = '';
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    if (unit < firstAffected) {
      run = 0;
      continue;
    }
    isAffected = true;
    const codePoint = text.codePointAt(index) ?? unit;
    run = classOf(codePoint) === characterClass.mark ? run + 1 : 0;
    if (run === longestMarkRun) {
      done += text.slice(from, index).normalize('NFC');
      from = index;
      run = 0;
    }
    if (codePoint > 0xffff) index++;
  }
  if (!isAffected) return text;
  return done + text.slice(from).normalize('NFC');
}
