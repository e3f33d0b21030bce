/** The load generator's process: one cell per message, one result per cell. */
import type { Cell } from './cell.js';
import { runCell } from './run-cell.js';

process.on('message', async (cell: Cell) => process.send?.(await runCell(cell)));
process.on('disconnect', () => process.exit());
