import type { ContentPart } from '../provider.js';
import { CannotSay } from '../wire-format.js';
import { type CacheControl, cacheControl } from './cache-control.js';

/** A content block of a message. */
export interface Block {
  readonly type: string;
  readonly [name: string]: unknown;
}

const IMAGES: Readonly<Record<string, string>> = {
  'image/jpeg': 'image/jpeg',
  'image/jpg': 'image/jpeg',
  'image/png': 'image/png',
  'image/gif': 'image/gif',
  'image/webp': 'image/webp',
};
const PDF = 'application/pdf';
const TEXTS = /^text\/|^application\/(json|xml|yaml|x-yaml|javascript|toml)$/;

/**
 * Content as blocks. Blank texts are left out: Anthropic refuses them. Throws CannotSay for what its models cannot take.
 * @param path of the content in the request: `messages[0].content`
 */
export function blocksOf(content: unknown, path: string): Block[] {
  if (content === null || content === undefined) return [];
  if (typeof content === 'string') return textBlocks(content, undefined);
  if (!Array.isArray(content)) throw new CannotSay('Content must be text or a list of parts.', path);
  return content.flatMap((part: ContentPart | null, index) => {
    const at = `${path}[${index}]`;
    if (typeof part !== 'object' || part === null) throw new CannotSay('A content part must be an object.', at);
    return blockOf(part, at);
  });
}

/** Text alone, for what may hold nothing else: an assistant's and a system's words. @param who `An assistant message` */
export function textBlocksOf(content: unknown, path: string, who: string): Block[] {
  const blocks = blocksOf(content, path);
  if (blocks.some(({ type }) => type !== 'text')) throw new CannotSay(`${who} can hold nothing but text here.`, path);
  return blocks;
}

function blockOf(part: ContentPart, path: string): readonly Block[] {
  const cached = cacheControl(part['cache_control']);
  switch (part.type) {
    case 'text':
    case 'input_text':
    case 'output_text':
      return textBlocks(part['text'], cached);
    case 'refusal':
      return textBlocks(part['refusal'], cached);
    case 'image_url':
      return [{ ...imageOf(part['image_url'], path), ...cached }];
    case 'file':
      return [{ ...documentOf(part['file'], path), ...cached }];
    case 'input_audio':
      throw new CannotSay('This model cannot hear audio.', path);
    case 'video_url':
    case 'input_video':
      throw new CannotSay('This model cannot watch videos.', path);
    default:
      throw new CannotSay(`Content of type ${JSON.stringify(part.type)} cannot be sent to this model.`, path);
  }
}

const textBlocks = (text: unknown, cached: CacheControl): Block[] =>
  typeof text === 'string' && text.trim() !== '' ? [{ type: 'text', text, ...cached }] : [];

function imageOf(image: unknown, path: string): Block {
  const url = typeof image === 'string' ? image : (image as { url?: unknown } | null | undefined)?.url;
  if (isWebAddress(url)) return { type: 'image', source: { type: 'url', url } };
  const data = dataUrl(url);
  const mediaType = data && IMAGES[data.mediaType];
  if (!mediaType) throw new CannotSay('An image must be an http(s) URL or a data URL of JPEG, PNG, GIF or WebP.', path);
  return { type: 'image', source: { type: 'base64', media_type: mediaType, data: data.base64() } };
}

function documentOf(file: unknown, path: string): Block {
  const { file_data: said, filename } = (typeof file === 'object' && file !== null ? file : {}) as Record<string, unknown>;
  const title = typeof filename === 'string' && filename !== '' ? { title: filename } : {};
  if (isWebAddress(said)) return { type: 'document', source: { type: 'url', url: said }, ...title };
  const data = dataUrl(said);
  if (data?.mediaType === PDF) {
    return { type: 'document', source: { type: 'base64', media_type: PDF, data: data.base64() }, ...title };
  }
  if (data && IMAGES[data.mediaType]) return imageOf(said, path);
  if (data && TEXTS.test(data.mediaType)) {
    return { type: 'document', source: { type: 'text', media_type: 'text/plain', data: data.text() }, ...title };
  }
  throw new CannotSay('A file must be the http(s) URL of a PDF, or a data URL of a PDF, a text or an image.', path);
}

const isWebAddress = (url: unknown): url is string => typeof url === 'string' && /^https?:\/\//i.test(url);

/** What a data URL (RFC 2397) holds. */
function dataUrl(url: unknown): { mediaType: string; base64(): string; text(): string } | undefined {
  if (typeof url !== 'string') return undefined;
  const comma = url.indexOf(',');
  const head = /^data:([\w.+-]+\/[\w.+-]+)?(?:;[\w.+-]+=[^;]*)*(;base64)?$/i.exec(url.slice(0, Math.min(comma, 1_000)));
  if (comma < 0 || head === null) return undefined;
  const data = url.slice(comma + 1);
  const isBase64 = head[2] !== undefined;
  return {
    mediaType: (head[1] ?? 'text/plain').toLowerCase(),
    base64: () => (isBase64 ? data : bytesOf(data).toString('base64')),
    text: () => (isBase64 ? Buffer.from(data, 'base64') : bytesOf(data)).toString(),
  };
}

/** Percent-decoded, byte by byte: it need not be UTF-8. */
const bytesOf = (data: string): Buffer =>
  Buffer.from(
    Buffer.from(data)
      .toString('latin1')
      .replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16))),
    'latin1',
  );
