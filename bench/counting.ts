import type { Bench } from './bench.js';
import { addedRow, delayRows, delaysOf, errorsIn } from './delays.js';
import { withOwnGateway } from './own-gateway.js';
import { longAnswerRequest } from './requests.js';
import type { SuiteResult } from './samples.js';

const ADDED_MOST_MS = 5;
const CALLS_MAX = 50_000;
const CONNECTIONS = 2;

interface Text {
  /** The fake provider's directives for the answer. */
  readonly says: string;
  readonly promptBytes?: number;
}

/** Letters without a blank are one word to a tokenizer, and it takes the square of a word's length. */
const TEXTS: Readonly<Record<string, Text>> = {
  '10,000 characters of prose': { says: 'prose=1200' },
  '200,000 characters of prose': { says: 'prose=24000' },
  '200,000 letters without a blank': { says: 'letters=4000' },
  'a prompt of 200,000 characters': { says: 'chunks=100', promptBytes: 200_000 },
};

/** How late the event loop is while streams are counted of which the provider has reported nothing, beside those that it has. */
export async function counting(bench: Bench): Promise<SuiteResult> {
  const load = ({ says, promptBytes }: Text, reported: boolean) => ({
    body: longAnswerRequest(says, reported, promptBytes),
    connections: CONNECTIONS,
    seconds: bench.seconds / 3,
    callsMax: CALLS_MAX,
    stream: true,
  });
  const names = Object.keys(TEXTS);
  const loads = Object.fromEntries(
    Object.entries(TEXTS).flatMap(([name, text]) => [
      [reportedCell(name), load(text, true)],
      [name, load(text, false)],
    ]),
  );
  return withOwnGateway(bench, async (own) => {
    for (const each of Object.values(loads)) await own.delayed(each);
    const delays = await delaysOf(own, loads);
    const rows = names.flatMap((name) => [
      ...delayRows(delays, reportedCell(name), `${name}, reported`),
      ...delayRows(delays, name, `${name}, counted`),
      addedRow(delays, name, reportedCell(name), ADDED_MOST_MS),
    ]);
    return { rows, cells: delays, errors: errorsIn(delays) };
  });
}

const reportedCell = (name: string) => `${name}, reported`;
