export { checkPack, packTextOf } from './check-pack.js';
export { DisputesModule } from './disputes.module.js';
