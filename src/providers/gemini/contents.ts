/** Messages as `systemInstruction` and `contents`: turns of user and model, made of parts. */
import type { ChatMessage, ContentPart } from '../provider.js';
import { CannotSay } from '../wire-format.js';
import { mediaPart } from './media.js';
import { mustSign, signaturesIn, UNSIGNED } from './signatures.js';
import { isObject, type Json, objectsIn, textIn } from './values.js';

export interface Conversation {
  readonly systemInstruction?: { readonly parts: readonly Json[] };
  readonly contents: readonly Turn[];
}

interface Turn {
  readonly role: 'user' | 'model';
  readonly parts: Json[];
}

/**
 * Turns of one role that follow each other are one, so that the results of parallel calls are in one turn, as Gemini wants them.
 * Instructions without a conversation become its first turn: Gemini answers to nothing else.
 * @throws CannotSay
 */
export function conversation(messages: readonly ChatMessage[], model: string): Conversation {
  const instructions: Json[] = [];
  const contents: Turn[] = [];
  const functionNames = new Map<string, string>();
  for (const [index, message] of messages.entries()) {
    const at = `messages[${index}]`;
    if (message.role === 'system' || message.role === 'developer') {
      instructions.push(...texts(message, at));
      continue;
    }
    const turn = turnOf(message, at, { functionNames, signs: mustSign(model) });
    const last = contents.at(-1);
    if (last?.role === turn.role) last.parts.push(...turn.parts);
    else if (turn.parts.length > 0) contents.push(turn);
  }
  if (contents.length > 0) return { ...(instructions.length > 0 && { systemInstruction: { parts: instructions } }), contents };
  if (instructions.length === 0) throw new CannotSay('The messages say nothing that could be answered.', 'messages');
  return { contents: [{ role: 'user', parts: instructions }] };
}

interface Known {
  /** Names of the functions called so far, by the id of the call: Gemini wants a result under its function's name. */
  readonly functionNames: Map<string, string>;
  readonly signs: boolean;
}

function turnOf(message: ChatMessage, at: string, known: Known): Turn {
  switch (message.role) {
    case 'assistant':
      return { role: 'model', parts: answerParts(message, at, known) };
    case 'tool':
    case 'function':
      return { role: 'user', parts: resultParts(message, at, known) };
    default:
      return { role: 'user', parts: partsOf(message.content, at) };
  }
}

const listOf = (content: ChatMessage['content']): readonly ContentPart[] =>
  typeof content === 'string' ? [{ type: 'text', text: content }] : (content ?? []);

/** Gemini refuses a part that holds nothing. */
function partsOf(content: ChatMessage['content'], at: string): Json[] {
  return listOf(content).flatMap((part, index) => {
    if (part.type !== 'text' && part.type !== 'refusal') return [mediaPart(part, `${at}.content[${index}]`)];
    const text = textIn(part[part.type]);
    return text === undefined ? [] : [{ text }];
  });
}

function texts(message: ChatMessage, at: string): Json[] {
  const parts = partsOf(message.content, at);
  const other = parts.findIndex((part) => !('text' in part));
  if (other >= 0) throw new CannotSay('Google takes instructions as text only.', `${at}.content`);
  return parts;
}

/**
 * What the model said before: its text, pictures and calls, never its reasoning, which is a summary and no input of Gemini's.
 * Signatures without a call go in order before the text, the last one on it: that is where they came from.
 */
function answerParts(message: ChatMessage, at: string, known: Known): Json[] {
  const { ofCalls, ofText } = signaturesIn(message['reasoning_details']);
  const said = [...partsOf(message.content, at), ...picturesIn(message['images'], at)];
  const signed = ofText.map((thoughtSignature): Json => ({ text: '', thoughtSignature }));
  const lastText = said.findLastIndex((part) => 'text' in part);
  if (lastText >= 0 && ofText.length > 0) {
    signed.pop();
    said[lastText] = { ...said[lastText], thoughtSignature: ofText.at(-1) };
  }
  const calls = callsIn(message, at).map((call, index) => {
    known.functionNames.set(call.id, call.name);
    // Of parallel calls only the first is signed, and only its signature asked for.
    const signature = ofCalls.get(call.id) ?? (known.signs && index === 0 ? UNSIGNED : undefined);
    const functionCall = { ...(call.id !== '' && { id: call.id }), name: call.name, args: call.args };
    return { functionCall, ...(signature !== undefined && { thoughtSignature: signature }) };
  });
  return [...signed, ...said, ...calls];
}

const picturesIn = (images: unknown, at: string) =>
  objectsIn(images).map((image, index) => mediaPart({ ...image, type: 'image_url' }, `${at}.images[${index}]`));

interface Call {
  readonly id: string;
  readonly name: string;
  readonly args: Json;
}

/** The calls of an assistant's message, also the one of OpenAI's older form. */
function callsIn(message: ChatMessage, at: string): Call[] {
  const calls = objectsIn(message['tool_calls']).map((call, index) =>
    callOf(call['function'], call['id'], `${at}.tool_calls[${index}]`),
  );
  return isObject(message['function_call']) ? [...calls, callOf(message['function_call'], '', at)] : calls;
}

function callOf(called: unknown, id: unknown, at: string): Call {
  const name = isObject(called) ? textIn(called['name']) : undefined;
  if (!isObject(called) || name === undefined) throw new CannotSay('Google takes calls of functions only.', at);
  const args = parsed(textIn(called['arguments']) ?? '{}');
  if (!isObject(args)) throw new CannotSay('Google takes arguments only as a JSON object.', `${at}.function.arguments`);
  return { id: textIn(id) ?? '', name, args };
}

/** A function's result: an object as it is, everything else as `result`. What it shows follows it in the same turn. */
function resultParts(message: ChatMessage, at: string, { functionNames }: Known): Json[] {
  const id = textIn(message['tool_call_id']);
  const name = (id === undefined ? undefined : functionNames.get(id)) ?? textIn(message['name']);
  if (name === undefined) throw new CannotSay('No call before this result has its id.', `${at}.tool_call_id`);
  const parts = partsOf(message.content, at);
  const text = parts.map((part) => part['text'] ?? '').join('');
  const functionResponse = { ...(id !== undefined && { id }), name, response: responseOf(text) };
  return [{ functionResponse }, ...parts.filter((part) => !('text' in part))];
}

function responseOf(text: string): Json {
  // A number of more digits than a double holds would arrive as another one.
  const value = /\d{16}/.test(text) ? undefined : parsed(text);
  return isObject(value) ? value : { result: text };
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}
