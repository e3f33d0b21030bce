/** `npm run bench:event-store`: the embedded node and the real client, each in a process of its own, each figure beside its target. */
import { runSections } from '../run-sections.js';
import { appends } from './appends.js';
import { opening } from './opening.js';
import { reads } from './reads.js';
import { subscriptions } from './subscriptions.js';

await runSections({ appends, reads, subscriptions, opening });
