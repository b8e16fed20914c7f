export function ensureRedis(): Promise<{ readonly command: string; readonly argv0: string }>;
