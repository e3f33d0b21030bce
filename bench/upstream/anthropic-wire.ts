/** What Anthropic's Messages look like on the wire: a named event for each delta, padded with blanks ahead of its last brace. */

const MESSAGE = {
  model: 'claude-3-5-sonnet-20240620',
  id: 'msg_01XFDUDYJgAACzvnptvVoYEL',
  type: 'message',
  role: 'assistant',
};
const INPUT = {
  input_tokens: 41,
  cache_creation_input_tokens: 0,
  cache_read_input_tokens: 0,
  cache_creation: { ephemeral_5m_input_tokens: 0, ephemeral_1h_input_tokens: 0 },
  service_tier: 'standard',
};
/** Hides the length of a token from who listens to the packets. */
const PADDING_MAX = 15;

/** The events of an answer of these texts. */
export function messageEvents(texts: readonly string[]): string[] {
  const usage = { ...INPUT, output_tokens: 1 };
  return [
    event('message_start', { message: { ...MESSAGE, content: [], stop_reason: null, stop_sequence: null, usage } }),
    event('content_block_start', { index: 0, content_block: { type: 'text', text: '' } }),
    event('ping', {}),
    ...texts.map((text, index) => event('content_block_delta', { index: 0, delta: { type: 'text_delta', text } }, index)),
    event('content_block_stop', { index: 0 }),
    event('message_delta', {
      delta: { stop_reason: 'end_turn', stop_sequence: null },
      usage: { output_tokens: texts.length },
    }),
    event('message_stop', {}),
  ];
}

export const messageObject = (texts: readonly string[]): object => ({
  ...MESSAGE,
  content: [{ type: 'text', text: texts.join('') }],
  stop_reason: 'end_turn',
  stop_sequence: null,
  usage: { ...INPUT, output_tokens: texts.length },
});

function event(type: string, members: object, index = 0): string {
  const padding = ' '.repeat((index * 7) % (PADDING_MAX + 1));
  return `event: ${type}\ndata: ${JSON.stringify({ type, ...members }).slice(0, -1)}${padding}}\n\n`;
}
