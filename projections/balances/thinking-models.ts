/** Which models take a thinking budget. Bound where the catalogue of models is known. */
export abstract class ThinkingModels {
  abstract readonly enabled: boolean;
  /** Tokens given to thinking where a request names none. */
  abstract readonly defaultBudget: number;
  /** Ids of the models, as clients name them. */
  abstract list(): string[];
}
