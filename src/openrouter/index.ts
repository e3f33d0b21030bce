export { OpenRouterModule } from './openrouter.module.js';
