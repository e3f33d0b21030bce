/**
 * Gemini's usage figures in classes that do not overlap (`GenerateContentResponseUsageMetadata` of @google/genai).
 * `promptTokenCount` includes what was cached, seen and heard, but not `toolUsePromptTokenCount`; `candidatesTokenCount` does not
 * include `thoughtsTokenCount`. Details are by modality and lie across the cache: `cacheTokensDetails` says how much of it does.
 *
 * The figures are a stranger's, read as `Reading` has it. What is Gemini's own:
 * - cached sound counts as heard, since it is dearer than cached text; cached images count as cached, priced alike;
 * - where the cache's details are missing, all that is not cached may be an image: the dearer reading;
 * - a zero is left out of JSON, so that a missing `candidatesTokenCount` is 0 where nothing was put out. Where something was, what
 *   the total leaves for it counts, and without that it stays absent: the caller has to estimate it;
 * - where `totalTokenCount` says otherwise, the parts count.
 */
import type { ReportedUsage } from '../provider.js';
import { type Figures, figuresIn, Reading } from '../usage-reading.js';

/** More than a figure can be: what stands by itself is cut to nothing. */
const UNBOUNDED = Number.POSITIVE_INFINITY;

/** @param delivered whether the answer has brought anything but thoughts so far */
export function reportedUsage(raw: unknown, delivered: boolean): ReportedUsage | undefined {
  if (typeof raw !== 'object' || raw === null) return undefined;
  const reading = new Reading();
  const figures = raw as Figures;
  const input = readInput(reading, figures);
  const thoughts = reading.dearer('output_reasoning', 'thoughtsTokenCount', figures.thoughtsTokenCount, UNBOUNDED);
  const total = countOf(figures.totalTokenCount);
  const rest = total !== undefined && input !== undefined ? total - input - thoughts : undefined;
  const candidates = readCandidates(reading, figures, { delivered, thoughts, rest });
  if (rest !== undefined && candidates !== undefined && rest !== candidates)
    reading.anomalies.push('totalTokenCount:contradicts');
  return { usage: reading.usage, anomalies: reading.anomalies };
}

/** The figures of a chunk, read once somebody asks for them: every chunk has them, and only the last ones count. */
export class UsageWhenAsked implements ReportedUsage {
  private read: ReportedUsage | undefined;

  constructor(
    /** Prints a JSON object. */
    private readonly json: () => string,
    private readonly delivered: boolean,
  ) {}

  get usage() {
    return this.reported.usage;
  }

  get anomalies() {
    return this.reported.anomalies;
  }

  private get reported(): ReportedUsage {
    this.read ??= reportedUsage(JSON.parse(this.json()), this.delivered) as ReportedUsage;
    return this.read;
  }
}

/** @returns all tokens of the prompt, those of tools included */
function readInput(reading: Reading, figures: Figures): number | undefined {
  const { promptTokenCount, cachedContentTokenCount: cached, toolUsePromptTokenCount: toolUse } = figures;
  const prompt = reading.whole('promptTokenCount', promptTokenCount);
  const forTools = isMissing(toolUse) ? 0 : reading.whole('toolUsePromptTokenCount', toolUse);
  if (prompt === undefined) return undefined;
  const ofPrompt = modalitiesIn(figures.promptTokensDetails);
  const ofCache = modalitiesIn(figures.cacheTokensDetails);
  const heard = reading.dearer('input_audio', 'promptTokensDetails.AUDIO', ofPrompt('AUDIO'), prompt);
  let left = prompt - heard;
  const cachedAndHeard = Math.min(countOf(ofCache('AUDIO')) ?? 0, heard);
  const cachedNotHeard = typeof cached === 'number' && cached >= cachedAndHeard ? cached - cachedAndHeard : cached;
  left -= reading.cheaper('cache_read', 'cachedContentTokenCount', cachedNotHeard, prompt, left);
  const seen = Math.max(0, (countOf(ofPrompt('IMAGE')) ?? 0) - (countOf(ofCache('IMAGE')) ?? 0));
  left -= reading.dearer('input_image', 'promptTokensDetails.IMAGE', Math.min(seen, left), left);
  reading.add('input_uncached', left + (forTools ?? 0));
  return prompt + (forTools ?? 0);
}

interface Known {
  readonly delivered: boolean;
  readonly thoughts: number;
  /** What the total leaves for the candidates. */
  readonly rest: number | undefined;
}

function readCandidates(reading: Reading, { candidatesTokenCount: told, candidatesTokensDetails }: Figures, known: Known) {
  const candidates = isMissing(told) ? unsaid(reading, known) : reading.whole('candidatesTokenCount', told);
  if (candidates === undefined) return undefined;
  const spoken = modalitiesIn(candidatesTokensDetails)('AUDIO');
  const heard = reading.dearer('output_audio', 'candidatesTokensDetails.AUDIO', spoken, candidates);
  reading.add('output_visible', candidates - heard);
  return candidates;
}

function unsaid(reading: Reading, { delivered, thoughts, rest }: Known): number | undefined {
  if (!delivered && !(rest !== undefined && rest > 0)) return 0;
  reading.anomalies.push('candidatesTokenCount:missing');
  if (rest !== undefined && rest > 0) return rest;
  return thoughts > 0 ? 0 : undefined;
}

/** Tokens by modality, from a list of `{modality, tokenCount}`: as told, summed where one is named twice. */
function modalitiesIn(details: unknown): (modality: string) => unknown {
  const list = Array.isArray(details) ? details.map(figuresIn) : [];
  return (modality) => {
    const [first, ...more] = list.filter((each) => each.modality === modality).map((each) => each.tokenCount);
    return more.reduce((sum: unknown, each) => Number(sum) + Number(each), first);
  };
}

const isMissing = (value: unknown) => value === undefined || value === null;
const countOf = (value: unknown) => (typeof value === 'number' && value >= 0 && value <= 2 ** 31 ? Math.ceil(value) : undefined);
