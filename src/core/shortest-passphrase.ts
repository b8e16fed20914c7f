/** Of exported accounts, in characters. Shorter ones are guessed however dear a guess is made. */
export const shortestPassphrase = 8;
