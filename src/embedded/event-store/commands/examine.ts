/**
 * Examines a file in a process of its own: LMDB trusts its pages, and one that is damaged may end the process that walks over it.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { describeOpenFailure, requireFullLength } from '../log/data-file.js';
import { type EventTables, openTablesToRead } from '../log/event-tables.js';
import { type LogFacts, problemsOf } from '../log/verify-log.js';
import { type Command, progressOn } from './command.js';

export interface Examination {
  /** The first ones, in words. */
  readonly problems: readonly string[];
  readonly problemsTotal: number;
  /** Undefined where the file could not be read to its end. */
  readonly facts?: LogFacts | undefined;
}

export const summaryOf = ({ events, streams, lastPosition }: LogFacts): string =>
  `${events} events in ${streams} streams, up to position ${lastPosition}`;

const MAIN = fileURLToPath(new URL('../main.js', import.meta.url));
const COMMAND = 'examine';
const PROBLEMS_TOLD_MAX = 20;

export async function examine(file: string): Promise<Examination> {
  const child = fork(MAIN, [COMMAND, file], { stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
  const progress = progressOn(process.stderr);
  let last = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    last = text.trim();
  });
  let examination: Examination | undefined;
  child.on('message', (message: Examination | { keys: number }) => {
    if ('keys' in message) progress(`${message.keys} blocks and heads read`);
    else examination = message;
  });
  const [code, signal] = await once(child, 'close');
  progress('');
  if (examination) return examination;
  const reason = `LMDB cannot walk over it (${signal ?? `status ${code}`})${last && `: ${last}`}`;
  return { problems: [describeOpenFailure(file, new Error(reason)).message], problemsTotal: 1 };
}

/** What runs in that process; not for people, and in no help. */
export const examineHere: Command & { readonly name: string } = {
  name: COMMAND,
  help: `${COMMAND} FILE`,
  async run([file = '']) {
    await new Promise((sent) => process.send?.(examineFile(file), sent));
    return 0;
  },
};

function examineFile(file: string): Examination {
  const problems: string[] = [];
  let problemsTotal = 0;
  try {
    requireFullLength(file);
    const tables: EventTables = openTablesToRead(file);
    const found = problemsOf(tables, (keys) => process.send?.({ keys }));
    for (;;) {
      const { value, done } = found.next();
      if (done) return { problems, problemsTotal, facts: value };
      // One damaged page may hold thousands of blocks: they are counted, and not all told.
      if (problemsTotal++ < PROBLEMS_TOLD_MAX) problems.push(value);
    }
  } catch (error) {
    return { problems: [...problems, describeOpenFailure(file, error).message], problemsTotal: problemsTotal + 1 };
  }
}
