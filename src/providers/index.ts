export {
  type ChatCall,
  type ChatMessage,
  type ChatObject,
  type ChatParameters,
  type ChatSink,
  type ChatStream,
  type CompletedChat,
  type ContentPart,
  callerLeft,
  type Embedded,
  type EmbeddingCall,
  isCallerLeft,
  type Provider,
  ProviderError,
  type ProviderFailure,
  type ReportedUsage,
} from './provider.js';
export { DEFAULT_BUDGET_TOKENS, type OutputPlan, outputPlan, type ReasoningPlan } from './reasoning.js';
export { isCircuitOpen, type RouteFigures, RouteHealth } from './route-health.js';
export {
  type ChosenRoute,
  type CompatibleProvider,
  type ProviderAccess,
  type Route,
  Routing,
  type RoutingSettings,
} from './routing.js';
