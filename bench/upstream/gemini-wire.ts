/** What Gemini's generateContent looks like on the wire: every event an answer in part, with the figures so far; lines end in CRLF. */

const PROMPT_TOKENS = 38;
const TAIL = { modelVersion: 'gemini-2.0-flash', responseId: 'mAsZaYz1OuCVvdIP5eq1sQ4' };

/** The events of an answer of these texts; the last one says that it is. */
export const contentEvents = (texts: readonly string[]): string[] =>
  texts.map((text, index) => `data: ${JSON.stringify(part(text, index + 1, index + 1 === texts.length))}\r\n\r\n`);

export const contentObject = (texts: readonly string[]): object => part(texts.join(''), texts.length, true);

const part = (text: string, tokens: number, isLast: boolean): object => ({
  candidates: [{ content: { parts: [{ text }], role: 'model' }, ...(isLast && { finishReason: 'STOP' }), index: 0 }],
  usageMetadata: {
    promptTokenCount: PROMPT_TOKENS,
    candidatesTokenCount: tokens,
    totalTokenCount: PROMPT_TOKENS + tokens,
    promptTokensDetails: [{ modality: 'TEXT', tokenCount: PROMPT_TOKENS }],
    candidatesTokensDetails: [{ modality: 'TEXT', tokenCount: tokens }],
  },
  ...TAIL,
});
