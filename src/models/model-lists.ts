import { modelObject, type PricedModel } from '../pricing/index.js';
import { answersIn } from './select-models.js';

/** Lists of the whole catalogue as they are sent: serialized once per change of the book, which answers with the same array until then. */
export class ModelLists {
  private models: readonly PricedModel[] | undefined;
  private readonly serialized = new Map<string, Buffer>();

  /** @param modalities those that a model must answer in, one of them */
  whole(models: readonly PricedModel[], modalities: readonly string[]): Buffer {
    if (this.models !== models) {
      this.models = models;
      this.serialized.clear();
    }
    const name = modalities.join();
    let json = this.serialized.get(name);
    if (!json) {
      const data = models.filter(answersIn(modalities)).map(modelObject);
      json = Buffer.from(JSON.stringify({ object: 'list', data, total_count: data.length, links: { next: null } }));
      this.serialized.set(name, json);
    }
    return json;
  }
}
