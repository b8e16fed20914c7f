/** Compiles the `*.test.ts` of a folder for the extension host; returns the path to give to `extensionTestsPath`. */
export function buildHostTests(source?: string, target?: string): Promise<string>;
