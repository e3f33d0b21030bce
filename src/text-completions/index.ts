export { TextCompletionsModule } from './text-completions.module.js';
