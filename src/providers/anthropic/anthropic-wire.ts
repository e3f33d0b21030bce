import type { WireFormat } from '../wire-format.js';
import { answersByTool, completionOf } from './completion.js';
import { MessageEvents } from './message-events.js';
import { requestBody, WORDS } from './request.js';

/** The version of the API whose words these are; each request must name it. */
const VERSION = '2023-06-01';

/** Anthropic's Messages. The base URL is a bare origin, as its SDKs have it. */
export const anthropicWire: WireFormat = {
  takes: WORDS,
  stopsBillingOnAbort: true,
  needsOutputLimit: true,
  headers: (apiKey) => ['x-api-key', apiKey, 'anthropic-version', VERSION],
  path: () => '/v1/messages',
  body: requestBody,
  completion: completionOf,
  reader: (outlet, call) => new MessageEvents(outlet, answersByTool(call)),
};
