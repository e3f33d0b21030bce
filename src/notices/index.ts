export { type Finding, type Watch, Watches } from './notice.js';
export { NoticesModule } from './notices.module.js';
