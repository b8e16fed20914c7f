/**
 * Puts the name the client asked for in place of the upstream's into every event: clients of an alias (`gpt-4o`) look
 * theirs up in tables of prices and limits. Only the value's bytes change.
 */
export function createModelEcho(asked: string): (event: Buffer) => Buffer {
  const value = Buffer.from(JSON.stringify(asked));
  return (event) => {
    const parts: Buffer[] = [];
    let from = 0;
    // Inside a JSON string quotes are escaped, so these bytes are a key or a whole value.
    for (let found = event.indexOf(modelKey); found !== -1; found = event.indexOf(modelKey, found + modelKey.length)) {
      const start = valueStart(event, found + modelKey.length);
      const end = start === -1 ? -1 : stringEnd(event, start);
      if (end === -1) continue;
      parts.push(event.subarray(from, start), value);
      from = end;
    }
    return parts.length === 0 ? event : Buffer.concat([...parts, event.subarray(from)]);
  };
}

const modelKey = Buffer.from('"model"');
const space = 0x20;
const quote = 0x22;
const colon = 0x3a;
const backslash = 0x5c;

/** Where the string after a key begins; -1 where there is none. */
function valueStart(event: Buffer, afterKey: number): number {
  let index = afterKey;
  while (event[index] === space) index++;
  if (event[index] !== colon) return -1;
  index++;
  while (event[index] === space) index++;
  return event[index] === quote ? index : -1;
}

/** The place after the string's closing quote; -1 where it never closes. */
function stringEnd(event: Buffer, start: number): number {
  for (let index = start + 1; index < event.length; index++) {
    if (event[index] === backslash) index++;
    else if (event[index] === quote) return index + 1;
  }
  return -1;
}
