import type { Writable } from 'node:stream';

/** Sockets or responses that have not closed yet. */
export class OpenSet {
  readonly #members = new Set<Writable>();
  readonly #onChange: () => void;

  constructor(onChange: () => void) {
    this.#onChange = onChange;
  }

  get size(): number {
    return this.#members.size;
  }

  track(member: Writable): void {
    this.#members.add(member);
    member.once('close', () => {
      this.#members.delete(member);
      this.#onChange();
    });
    this.#onChange();
  }

  destroyAll(): void {
    for (const member of this.#members) member.destroy();
  }
}
