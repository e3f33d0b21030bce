import type { Bench } from './bench.js';
import { withOwnGateway } from './own-gateway.js';
import { type ProviderName, proseRequest } from './requests.js';
import { median, type NamedLoad, type Row, type Samples, type SuiteResult, sample, warmUp } from './samples.js';

const CHUNKS = 600;
const PACED = { connections: 32, delayMs: 5 };
const BURST = { connections: 16, delayMs: 0 };
const CALLS_MAX = 50_000;
/** Beside OpenAI's own chunks, which are relayed and not translated. */
const TIMES_MOST = 1.5;

const TARGETS = ['oneAccount'] as const;
const PROVIDERS = ['OpenAI', 'Anthropic', 'Gemini'] as const;
const FACES = { 'as chat': '/v1/chat/completions', 'as Messages': '/v1/messages' } as const;
const PACES = { paced: PACED, burst: BURST } as const;
type Face = keyof typeof FACES;
type Pace = keyof typeof PACES;

/** What a chunk of each provider's costs the gateway, as a chunk of a chat completion and as an event of a message. */
export async function translation(bench: Bench): Promise<SuiteResult> {
  const loads = (Object.keys(PACES) as Pace[]).flatMap((pace) =>
    (Object.keys(FACES) as Face[]).flatMap((face) =>
      PROVIDERS.map((provider) => named(provider, face, pace, bench.seconds / (pace === 'paced' ? 1 : 2))),
    ),
  );
  return withOwnGateway(bench, async (own) => {
    for (const { load } of loads.filter(({ name }) => name.endsWith('burst'))) await warmUp(own, load, TARGETS);
    const samples = await sample(own, loads);
    const rows = (Object.keys(PACES) as Pace[]).flatMap((pace) =>
      (Object.keys(FACES) as Face[]).flatMap((face) => rowsOf(samples, face, pace)),
    );
    return { rows, cells: samples.cells(), errors: samples.errors() };
  });
}

const cellName = (provider: ProviderName, face: Face, pace: Pace) => `${provider} ${face} ${pace}`;

function named(provider: ProviderName, face: Face, pace: Pace, seconds: number): NamedLoad {
  const { connections, delayMs } = PACES[pace];
  const body = proseRequest(provider, CHUNKS, delayMs);
  // Begun over one stream's time, paced streams are evenly out of step.
  const spreadMs = CHUNKS * delayMs;
  const load = { path: FACES[face], body, connections, seconds, callsMax: CALLS_MAX, spreadMs, stream: true };
  return { name: cellName(provider, face, pace), load, targets: TARGETS };
}

function rowsOf(samples: Samples, face: Face, pace: Pace): Row[] {
  const costs = (provider: ProviderName) => samples.all(cellName(provider, face, pace)).map(costPerChunk);
  const own = costs('OpenAI');
  return PROVIDERS.flatMap((provider): Row[] => {
    const all = costs(provider);
    const figure = `CPU µs per chunk, ${PACES[pace].connections} ${pace}, ${provider} ${face}`;
    const cost: Row = { figure, values: { oneAccount: median(all) }, digits: 1 };
    if (provider === 'OpenAI') return [cost];
    // Within a round: what drifts in the machine falls on both.
    const times = median(all.map((each, round) => each / (own[round] ?? Number.NaN)));
    const target = face === 'as chat' ? ({ of: 'value', oneAccount: TIMES_MOST } as const) : undefined;
    return [cost, { figure: '  times OpenAI’s', values: { oneAccount: times }, digits: 2, ...(target && { target }) }];
  });
}

/** By the chunks that the provider has sent: a face may have fewer events, or more. */
const costPerChunk = ({ cpu, completed }: { cpu: { own: number }; completed: number }): number => cpu.own / (completed * CHUNKS);
