import { anthropicWire } from './anthropic/anthropic-wire.js';
import { DemoProvider } from './demo/demo-provider.js';
import { geminiWire } from './gemini/gemini-wire.js';
import { HttpProvider } from './http/http-provider.js';
import { openAiWire } from './openai/openai-wire.js';
import type { Provider } from './provider.js';
import type { WireFormat } from './wire-format.js';

export interface ProviderAccess {
  readonly apiKey: string;
  /** As the provider's own SDK spells it; the provider's own address where absent. */
  readonly baseUrl?: string | undefined;
}

/** A server that speaks OpenAI's chat completions, known from the configuration alone. */
export interface CompatibleProvider extends ProviderAccess {
  /** As routes name it. */
  readonly id: string;
  /** As clients see it. */
  readonly name: string;
  readonly baseUrl: string;
}

/** Which providers are on. One without a key is off; with none on, the demo provider answers for every model. */
export interface RoutingSettings {
  readonly openai?: ProviderAccess | undefined;
  readonly deepseek?: ProviderAccess | undefined;
  readonly anthropic?: ProviderAccess | undefined;
  readonly gemini?: ProviderAccess | undefined;
  readonly compatible?: readonly CompatibleProvider[] | undefined;
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
  /** Of the weights that are served, such as `fp8`. */
  readonly quantization?: string;
  /** Whether it may train on what it is sent; allow where nobody says. */
  readonly dataCollection?: 'allow' | 'deny';
}

export interface ChosenRoute {
  readonly provider: Provider;
  readonly route: Route;
}

interface KnownProvider {
  readonly id: 'openai' | 'deepseek' | 'anthropic' | 'gemini';
  readonly name: string;
  readonly baseUrl: string;
  readonly wire: WireFormat;
}

const KNOWN: readonly KnownProvider[] = [
  { id: 'openai', name: 'OpenAI', baseUrl: 'https://api.openai.com/v1', wire: openAiWire('openai') },
  { id: 'anthropic', name: 'Anthropic', baseUrl: 'https://api.anthropic.com', wire: anthropicWire },
  { id: 'gemini', name: 'Google', baseUrl: 'https://generativelanguage.googleapis.com', wire: geminiWire },
  { id: 'deepseek', name: 'DeepSeek', baseUrl: 'https://api.deepseek.com', wire: openAiWire('deepseek') },
];

export class Routing {
  /** Those that are on. */
  readonly providers: readonly Provider[];
  private readonly connected: readonly HttpProvider[];
  private readonly demo: DemoProvider | undefined;

  constructor({ connectTimeoutMs, idleTimeoutMs, compatible = [], ...access }: RoutingSettings) {
    const times = { connectTimeoutMs, idleTimeoutMs };
    const known = KNOWN.flatMap(({ id, name, baseUrl, wire }) => {
      const apiKey = access[id]?.apiKey.trim();
      return apiKey ? [new HttpProvider({ id, name, apiKey, baseUrl: access[id]?.baseUrl || baseUrl, ...times }, wire)] : [];
    });
    const others = compatible.map((each) => new HttpProvider({ ...each, ...times }, openAiWire('compatible')));
    this.connected = [...known, ...others];
    this.demo = this.connected.length === 0 ? new DemoProvider() : undefined;
    this.providers = this.demo === undefined ? this.connected : [this.demo];
  }

  /** The routes whose provider is on, in their order; the demo provider's where none is configured at all. */
  open(routes: readonly Route[]): ChosenRoute[] {
    if (this.demo !== undefined)
      return [
        { provider: this.demo, route: { provider: this.demo.id, upstreamModel: routes[0]?.upstreamModel ?? this.demo.id } },
      ];
    return routes.flatMap((route) => {
      const provider = this.connected.find(({ id }) => id === route.provider);
      return provider === undefined ? [] : [{ provider, route }];
    });
  }

  /** Cuts every call under way and every idle connection. */
  async close(): Promise<void> {
    await Promise.all(this.connected.map((provider) => provider.close()));
  }
}
