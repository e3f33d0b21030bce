export { upstreamParameters } from './parameters.js';
export {
  type ChatCall,
  type ChatObject,
  type ChatSink,
  type ChatStream,
  type CompletedChat,
  type Provider,
  ProviderError,
  type ProviderFailure,
  type ReportedUsage,
} from './provider.js';
export { type ChosenRoute, type ProviderAccess, type Route, Routing, type RoutingSettings } from './routing.js';
