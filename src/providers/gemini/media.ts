/** Parts of a message that are not text, as `inlineData` where their bytes are at hand and as `fileData` where they are elsewhere. */
import type { ContentPart } from '../provider.js';
import { CannotSay } from '../wire-format.js';
import { type Json, textIn } from './values.js';

/** By `format` of `input_audio`: what Gemini hears (its guide to audio). */
const AUDIO_TYPES: Readonly<Record<string, string>> = {
  ...{ wav: 'audio/wav', mp3: 'audio/mp3', aiff: 'audio/aiff', aac: 'audio/aac', ogg: 'audio/ogg', flac: 'audio/flac' },
  ...{ m4a: 'audio/m4a', opus: 'audio/opus', webm: 'audio/webm', pcm16: 'audio/pcm' },
};

/** By the ending of a URL's path. Gemini finds out by itself where none is told. */
const TYPES: Readonly<Record<string, string>> = {
  ...{ png: 'image/png', jpg: 'image/jpeg', jpeg: 'image/jpeg', webp: 'image/webp', heic: 'image/heic', heif: 'image/heif' },
  ...{ pdf: 'application/pdf', mp4: 'video/mp4', mov: 'video/quicktime', webm: 'video/webm', mpeg: 'video/mpeg' },
};

/**
 * One part of a message.
 * @param param where it is in the request: `messages[0].content[1]`
 * @throws CannotSay
 */
export function mediaPart(part: ContentPart, param: string): Json {
  switch (part.type) {
    case 'image_url':
    case 'video_url':
    case 'input_video':
      return located(part[part.type] ?? part['video_url'], ['url'], `${param}.${part.type}`);
    case 'file':
      return located(part['file'], ['file_data', 'file_url', 'url'], `${param}.file`);
    case 'input_audio':
      return heard(part['input_audio'] as Json | undefined, `${param}.input_audio`);
    default:
      throw new CannotSay(`Google cannot be sent a part of type '${part.type}'.`, `${param}.type`);
  }
}

function located(value: unknown, names: readonly string[], param: string): Json {
  const holder = (value ?? {}) as Json;
  const [url] = typeof value === 'string' ? [value] : names.flatMap((name) => textIn(holder[name]) ?? []);
  if (url === undefined) throw new CannotSay('Google needs the data of a file or its URL here.', param);
  if (/^https?:\/\//i.test(url)) return { fileData: { ...typeOf(url), fileUri: url } };
  const inline = /^data:([^;,]+)(?:;[^;,]+)*?;base64,/i.exec(url);
  if (inline === null) throw new CannotSay('Google takes a URL of http, https, or data in base64.', param);
  return { inlineData: { mimeType: inline[1], data: url.slice(inline[0].length) } };
}

function typeOf(url: string): Json {
  const mimeType = TYPES[/\.(\w+)$/.exec(url.replace(/[?#].*$/s, ''))?.[1]?.toLowerCase() ?? ''];
  return mimeType === undefined ? {} : { mimeType };
}

function heard(audio: Json | undefined, param: string): Json {
  const mimeType = AUDIO_TYPES[String(audio?.['format']).toLowerCase()];
  const data = textIn(audio?.['data']);
  if (mimeType === undefined) throw new CannotSay(`Google hears no audio of format '${audio?.['format']}'.`, `${param}.format`);
  if (data === undefined) throw new CannotSay('Google needs the data of the audio here.', `${param}.data`);
  return { inlineData: { mimeType, data } };
}
