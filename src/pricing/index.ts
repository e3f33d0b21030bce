export type { PricedModel } from './booked-model.js';
export { type Cost, costOf, costToJson, type PricedLine, pricedAtFact, withRequest } from './domain/cost.js';
export { type PriceTable, priceTable } from './domain/price-table.js';
export type {
  FormulaVersion,
  ModelCatalogue,
  PublishedPrices,
  Reasoning,
  ReasoningControl,
  Route,
} from './domain/pricing.events.js';
export { quoteOf, type TokenBounds } from './domain/quote.js';
export { completionTokens, promptTokens, USAGE_CLASSES, type Usage, type UsageClass } from './domain/usage.js';
export { type ModelObject, modelObject } from './model-object.js';
export { PriceBook } from './price-book.js';
export { PricingModule } from './pricing.module.js';
