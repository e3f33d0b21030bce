import type { Bench } from './bench.js';
import { addedRow, delayRows, delaysOf, errorsIn } from './delays.js';
import { withOwnGateway } from './own-gateway.js';
import { completionRequest, imagesRequest, type ProviderName } from './requests.js';
import type { SuiteResult } from './samples.js';

const BODY_BYTES = 1_000_000;
const ADDED_MOST_MS = 10;
const CALLS_MAX = 50_000;
const PROVIDERS: readonly ProviderName[] = ['OpenAI', 'Anthropic', 'Gemini'];
const SMALL = 'small';

/** How long a body of a megabyte, most of it images, keeps everybody else's timers waiting: one after another, on one connection. */
export async function bodies(bench: Bench): Promise<SuiteResult> {
  const load = (body: string) => ({ body, connections: 1, seconds: bench.seconds / 3, callsMax: CALLS_MAX });
  const large = PROVIDERS.map((provider) => [provider, load(imagesRequest(provider, BODY_BYTES))] as const);
  return withOwnGateway(bench, async (own) => {
    for (const [, each] of large) await own.delayed(each);
    const delays = await delaysOf(own, { [SMALL]: load(completionRequest()), ...Object.fromEntries(large) });
    const rows = PROVIDERS.flatMap((provider) => [
      ...delayRows(delays, provider, `1 MB of images to ${provider}`),
      addedRow(delays, provider, SMALL, ADDED_MOST_MS),
    ]);
    return { rows: [...delayRows(delays, SMALL, 'small bodies'), ...rows], cells: delays, errors: errorsIn(delays) };
  });
}
