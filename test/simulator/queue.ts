import type { Matcher, Route } from './contract.ts';
import type { JsonObject } from './json.ts';

/** What a queued item is compared with. */
export interface MatchTarget {
  readonly route: Route;
  readonly key: string;
  readonly model: string | undefined;
  readonly body: JsonObject;
}

/** Scripted items in the order they were added; the first match is taken, and removed once used up. */
export class ScriptQueue<Item extends Matcher> {
  #items: { readonly item: Item; timesLeft: number }[] = [];

  add(item: Item): void {
    this.#items.push({ item, timesLeft: item.times ?? 1 });
  }

  take({ route, key, model, body }: MatchTarget): Item | undefined {
    const found = this.#items.find(
      ({ item }) =>
        (item.route ?? 'chat') === route &&
        (item.key === undefined || item.key === key) &&
        (item.model === undefined || item.model === model) &&
        (item.when === undefined || item.when(body)),
    );
    if (!found) return undefined;
    found.timesLeft--;
    if (found.timesLeft <= 0) this.#items = this.#items.filter((entry) => entry !== found);
    return found.item;
  }

  clear(): void {
    this.#items = [];
  }
}
