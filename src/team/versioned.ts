/**
 * What stands in a field of a shared hash: sixteen digits of a version, then `=` and the value, or `-` for a value that was
 * deleted. Versions are microseconds of the Redis server's clock, and never fall: the newest write wins wherever it is met.
 */
export interface Versioned {
  readonly version: number;
  /** `undefined` = deleted. */
  readonly value: string | undefined;
}

const digits = 16;

export function encodeVersioned({ version, value }: Versioned): string {
  return String(version).padStart(digits, '0') + mark(value);
}

/** `undefined` for a text that is none of ours. */
export function decodeVersioned(text: string): Versioned | undefined {
  const version = Number(text.slice(0, digits));
  const kind = text[digits];
  if (!Number.isSafeInteger(version) || (kind !== '=' && kind !== '-')) return undefined;
  return { version, value: kind === '=' ? text.slice(digits + 1) : undefined };
}

/** The part after the version. */
export function mark(value: string | undefined): string {
  return value === undefined ? '-' : `=${value}`;
}

/**
 * KEYS[1] hash. ARGV: channel, field, what comes after the version, and the version that has to stand there, or '' for any.
 * Answers the new version, or 0 where another one stands there.
 */
export const writeScript = `
local old = redis.call('HGET', KEYS[1], ARGV[2])
local before = old and tonumber(string.sub(old, 1, ${digits})) or 0
if ARGV[4] ~= '' and tonumber(ARGV[4]) ~= before then return '0' end
local time = redis.call('TIME')
local version = math.max(time[1] * 1000000 + time[2], before + 1)
local text = string.format('%0${digits}.0f', version) .. ARGV[3]
redis.call('HSET', KEYS[1], ARGV[2], text)
redis.call('PUBLISH', ARGV[1], cjson.encode({ ARGV[2], text }))
return string.format('%.0f', version)`;

/** KEYS[1] hash. ARGV: channel, then pairs of field and text, each written where it is newer than what stands there. */
export const healScript = `
for index = 2, #ARGV, 2 do
  local old = redis.call('HGET', KEYS[1], ARGV[index])
  if not old or string.sub(old, 1, ${digits}) < string.sub(ARGV[index + 1], 1, ${digits}) then
    redis.call('HSET', KEYS[1], ARGV[index], ARGV[index + 1])
    redis.call('PUBLISH', ARGV[1], cjson.encode({ ARGV[index], ARGV[index + 1] }))
  end
end`;
