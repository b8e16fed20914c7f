export function findViolations(files: readonly { path: string; text: string }[]): string[];
