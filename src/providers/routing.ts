import { DemoProvider } from './demo/demo-provider.js';
import { OpenAiProvider } from './openai/openai-provider.js';
import type { Provider } from './provider.js';

export interface ProviderAccess {
  readonly apiKey: string;
  /** As the provider's own SDK spells it; the provider's own address where absent. */
  readonly baseUrl?: string | undefined;
}

/** Which providers are on. One without a key is off; with none on, the demo provider answers for every model. */
export interface RoutingSettings {
  readonly openai?: ProviderAccess | undefined;
  readonly deepseek?: ProviderAccess | undefined;
  /** Until a connection stands. */
  readonly connectTimeoutMs: number;
  /** Without a byte. */
  readonly idleTimeoutMs: number;
}

/** Where a model is served: a provider's id, and the model's name there. */
export interface Route {
  readonly provider: string;
  readonly upstreamModel: string;
  /** Members of the request's body that this route needs, laid over the caller's. */
  readonly parameters?: Readonly<Record<string, unknown>>;
}

export interface ChosenRoute {
  readonly provider: Provider;
  readonly route: Route;
}

const OPENAI_COMPATIBLE = [
  { id: 'openai', name: 'OpenAI', baseUrl: 'https://api.openai.com/v1' },
  { id: 'deepseek', name: 'DeepSeek', baseUrl: 'https://api.deepseek.com' },
] as const;

export class Routing {
  /** Those that are on. */
  readonly providers: readonly Provider[];
  private readonly connected: readonly OpenAiProvider[];
  private readonly demo: DemoProvider | undefined;

  constructor({ connectTimeoutMs, idleTimeoutMs, ...access }: RoutingSettings) {
    this.connected = OPENAI_COMPATIBLE.flatMap(({ id, name, baseUrl }) => {
      const apiKey = access[id]?.apiKey.trim();
      if (!apiKey) return [];
      return [new OpenAiProvider({ id, name, apiKey, baseUrl: access[id]?.baseUrl || baseUrl, connectTimeoutMs, idleTimeoutMs })];
    });
    this.demo = this.connected.length === 0 ? new DemoProvider() : undefined;
    this.providers = this.demo === undefined ? this.connected : [this.demo];
  }

  /** The first route whose provider is on; undefined where none is. */
  choose(routes: readonly Route[]): ChosenRoute | undefined {
    if (this.demo !== undefined)
      return { provider: this.demo, route: { provider: this.demo.id, upstreamModel: routes[0]?.upstreamModel ?? this.demo.id } };
    for (const route of routes) {
      const provider = this.connected.find(({ id }) => id === route.provider);
      if (provider !== undefined) return { provider, route };
    }
    return undefined;
  }

  /** Cuts every call under way and every idle connection. */
  async close(): Promise<void> {
    await Promise.all(this.connected.map((provider) => provider.close()));
  }
}
