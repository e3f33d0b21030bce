/** What the faces of the API that speak another form than the canonical one share. */
export { AnswerBlocks, type Block, type BlockWriter, blocksOf, textOf } from './answer-blocks.js';
export { ANTHROPIC_FORMAT, detailWithText, sealed, unsealed } from './carried-reasoning.js';
export { checkedPart } from './checked-part.js';
export { Conversation } from './conversation.js';
export type { ReasoningDetail } from './pieces.js';
