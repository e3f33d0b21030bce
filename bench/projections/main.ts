/** `npm run bench:projections`: how fast the read side is, each figure beside its target. */
import { runSections } from '../run-sections.js';
import { asOf, statement } from './long-account.js';
import { quota } from './quota.js';
import { rebuild } from './rebuild.js';
import { steady } from './steady.js';

await runSections({ rebuild, steady, quota, statement, 'as-of': asOf });
