/** What is publicly known of a provider of models, by its id in routes and evidence. */
export interface ListedProvider {
  /** As clients see it. */
  readonly name: string;
  /** As clients name it in requests. */
  readonly slug: string;
  /** By which OpenRouter's clients may ask for it as well. */
  readonly otherNames?: readonly string[];
  readonly privacyPolicyUrl: string | null;
  readonly termsOfServiceUrl: string | null;
  readonly statusPageUrl: string | null;
  /** ISO 3166-1 alpha-2. */
  readonly headquarters: string | null;
}

const LISTED: Readonly<Record<string, ListedProvider>> = {
  openai: {
    name: 'OpenAI',
    slug: 'openai',
    privacyPolicyUrl: 'https://openai.com/policies/privacy-policy/',
    termsOfServiceUrl: 'https://openai.com/policies/row-terms-of-use/',
    statusPageUrl: 'https://status.openai.com/',
    headquarters: 'US',
  },
  anthropic: {
    name: 'Anthropic',
    slug: 'anthropic',
    privacyPolicyUrl: 'https://www.anthropic.com/legal/privacy',
    termsOfServiceUrl: 'https://www.anthropic.com/legal/commercial-terms',
    statusPageUrl: 'https://status.anthropic.com/',
    headquarters: 'US',
  },
  gemini: {
    name: 'Google',
    slug: 'google',
    otherNames: ['Google AI Studio', 'google-ai-studio'],
    privacyPolicyUrl: 'https://policies.google.com/privacy',
    termsOfServiceUrl: 'https://ai.google.dev/gemini-api/terms',
    statusPageUrl: null,
    headquarters: 'US',
  },
  deepseek: {
    name: 'DeepSeek',
    slug: 'deepseek',
    privacyPolicyUrl: 'https://cdn.deepseek.com/policies/en-US/deepseek-privacy-policy.html',
    termsOfServiceUrl: 'https://cdn.deepseek.com/policies/en-US/deepseek-terms-of-use.html',
    statusPageUrl: 'https://status.deepseek.com/',
    headquarters: 'CN',
  },
  demo: {
    name: 'Demo',
    slug: 'demo',
    privacyPolicyUrl: null,
    termsOfServiceUrl: null,
    statusPageUrl: null,
    headquarters: null,
  },
};

const UNKNOWN = { privacyPolicyUrl: null, termsOfServiceUrl: null, statusPageUrl: null, headquarters: null } as const;

/** A provider's entry; of one that only a configuration knows, its id and the name given there. */
export const listedProvider = (id: string, name = id): ListedProvider => LISTED[id] ?? { name, slug: id, ...UNKNOWN };

export const providerName = (id: string): string => listedProvider(id).name;
export const providerTag = (id: string): string => listedProvider(id).slug;
