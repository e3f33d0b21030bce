export { ModelsModule } from './models.module.js';
export { providerName, providerTag } from './provider-directory.js';
export { type Percentiles, type RouteFigures, RouteStatistics } from './route-statistics.js';
