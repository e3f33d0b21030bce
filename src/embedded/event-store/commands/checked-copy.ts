import { createDataFile } from '../log/data-file.js';
import { examine, summaryOf } from './examine.js';

/**
 * Makes a file that gets its name only when it has been copied and examined.
 * @param damaged what to say, before the first problem, where the copy is not whole
 * @returns what is in it, in words
 */
export async function copyChecked(to: string, copy: (unfinished: string) => Promise<void>, damaged: string): Promise<string> {
  let summary = '';
  await createDataFile(to, async (unfinished) => {
    await copy(unfinished);
    const { problems, facts } = await examine(unfinished);
    if (problems.length > 0 || !facts) throw new Error(`${damaged}: ${problems[0]}`);
    summary = summaryOf(facts);
  });
  return summary;
}
