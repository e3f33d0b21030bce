const STRING = '"[^"\\\\\\u0000-\\u001f]*(?:\\\\(?:["\\\\/bfnrt]|u[0-9a-fA-F]{4})[^"\\\\\\u0000-\\u001f]*)*"';
/** White space of JSON. Anthropic pads events with blanks ahead of the last brace. */
const _ = '[ \\t\\n\\r]*';

/**
 * An event that adds text, which is nearly every event of an answer. It is the whole grammar of these bytes, so that what matches
 * is JSON of this meaning and nothing else; whatever differs is parsed.
 */
const TEXT_DELTA = new RegExp(
  `^\\{${_}"type":${_}"content_block_delta",${_}"index":${_}\\d{1,6}${_},${_}` +
    `"delta":${_}\\{${_}"type":${_}"text_delta",${_}"text":${_}(${STRING})${_}\\}${_}\\}$`,
);

/** Text of many megabytes exhausts the stack of the expression; events of that size are none that have to be fast. */
const BYTES_MAX = 64 * 1024;

/** The text that an event adds, as a JSON string literal with its quotes, without parsing it; undefined where it has to be parsed. */
export const textDelta = (data: Buffer): string | undefined =>
  data.length > BYTES_MAX ? undefined : TEXT_DELTA.exec(data.toString())?.[1];
