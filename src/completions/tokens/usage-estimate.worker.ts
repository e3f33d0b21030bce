import { parentPort } from 'node:worker_threads';
import { countTokens } from 'gpt-tokenizer/encoding/o200k_base';
import { cutLongWords } from './long-words.js';

/** Counts the tokens of texts, off the event loop of the server. */
parentPort?.on('message', ({ id, texts }: { id: number; texts: readonly string[] }) => {
  parentPort?.postMessage({ id, tokens: texts.map(tokensIn) });
});

const tokensIn = (text: string): number => cutLongWords(text).reduce((sum, piece) => sum + countTokens(piece), 0);
