import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import { TIERS, type Tier } from './accounts/domain/accounts.events.js';
import { TIER_POLICIES } from './accounts/domain/tiers.js';
import { type NanoCredits, parseCredits } from './kernel/credits.js';
import { readSecret } from './notices/webhook-signature.js';

export const ROLES = ['api', 'projections', 'jobs'] as const;
export type Role = (typeof ROLES)[number];

const emptyIsUnset = <T extends z.ZodType>(schema: T) => z.preprocess((value) => (value === '' ? undefined : value), schema);
const milliseconds = (byDefault: number) => emptyIsUnset(z.coerce.number().int().positive().max(86_400_000).default(byDefault));
const optionalText = emptyIsUnset(z.string().optional());
const urlOf = (...protocols: string[]) =>
  emptyIsUnset(
    z
      .string()
      .refine(
        (text) => protocols.some((protocol) => text.startsWith(`${protocol}://`)),
        `must begin with ${protocols.join(':// or ')}://`,
      )
      .optional(),
  );

/** The environment variables of the program; their names are an interface. */
const variables = z.object({
  PORT: emptyIsUnset(z.coerce.number().int().min(0).max(65_535).default(8080)),
  HOST: emptyIsUnset(z.string().default('127.0.0.1')),
  DATA_DIR: emptyIsUnset(z.string().default('./data')),
  ROLES: emptyIsUnset(z.string().default(ROLES.join(','))).transform(parseRoles),
  EVENTSTORE_URL: urlOf('esdb', 'esdb+discover', 'kurrentdb', 'kurrentdb+discover'),
  DATABASE_URL: urlOf('postgres', 'postgresql'),
  REDIS_URL: urlOf('redis', 'rediss'),
  ADMIN_TOKEN: emptyIsUnset(z.string().min(8, 'must have at least 8 characters').optional()),
  OPENAI_API_KEY: optionalText,
  OPENAI_BASE_URL: urlOf('http', 'https'),
  DEEPSEEK_API_KEY: optionalText,
  DEEPSEEK_BASE_URL: urlOf('http', 'https'),
  ANTHROPIC_API_KEY: optionalText,
  ANTHROPIC_BASE_URL: urlOf('http', 'https'),
  GEMINI_API_KEY: optionalText,
  GEMINI_BASE_URL: urlOf('http', 'https'),
  COMPATIBLE_PROVIDERS: emptyIsUnset(z.string().default('[]')).transform(parseCompatibleProviders),
  RATE_LIMITS: emptyIsUnset(z.string().default('')).transform(parseRateLimits),
  KEY_RATE_LIMITS: emptyIsUnset(z.string().default('')).transform(parseKeyRateLimits),
  WELCOME_CREDITS: emptyIsUnset(z.string().default('')).transform(parseWelcomeCredits),
  /** A process that does not end or extend a reservation for this long is taken for dead. The same in all processes. */
  RESERVATION_TTL_MS: emptyIsUnset(z.coerce.number().int().min(3_000).max(86_400_000).default(900_000)),
  /** What becomes of a reservation whose process died: given back and reported, or the estimate charged. */
  ABANDONED_CALLS: emptyIsUnset(z.enum(['release', 'charge_estimate']).default('release')),
  PROVIDER_CONNECT_TIMEOUT_MS: milliseconds(5_000),
  PROVIDER_IDLE_TIMEOUT_MS: milliseconds(120_000),
  CHECKPOINT_KEY: optionalText,
  CHECKPOINT_FILE: optionalText,
  CHECKPOINT_WEBHOOK_URL: urlOf('http', 'https'),
  NOTICES_WEBHOOK_URL: urlOf('http', 'https'),
  NOTICES_WEBHOOK_SECRET: emptyIsUnset(z.string().optional()).transform(parseWebhookSecret),
  NOTICES_EVERY_MS: milliseconds(60_000),
  NOTICE_LOW_BALANCE: emptyIsUnset(z.string().default('1')).transform(parseThreshold),
  NOTICE_EXPIRING_DAYS: emptyIsUnset(z.coerce.number().int().min(1).max(3_650).default(7)),
  NOTICE_KEY_LIMIT_PERCENT: emptyIsUnset(z.coerce.number().int().min(1).max(100).default(80)),
  NOTICE_PROJECTION_LAG_MS: milliseconds(60_000),
  /** Whether reports get schedules by themselves at the first start. */
  REPORT_SCHEDULES: emptyIsUnset(z.enum(['default', 'none']).default('default')),
  LOG_LEVEL: emptyIsUnset(z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']).default('info')),
});

/** A receiver that cannot check who has sent a notice must not act on it. */
const environment = variables.refine(
  ({ NOTICES_WEBHOOK_URL: url, NOTICES_WEBHOOK_SECRET: secret }) => url === undefined || secret !== undefined,
  { path: ['NOTICES_WEBHOOK_SECRET'], message: 'is needed with NOTICES_WEBHOOK_URL' },
);

export type Configuration = z.infer<typeof environment>;

/**
 * Reads the configuration.
 * @throws Error that names each variable that is wrong, without its value
 */
export function readConfiguration(variables: NodeJS.ProcessEnv): Configuration {
  const result = environment.safeParse(variables);
  if (result.success) return { ...result.data, DATA_DIR: resolve(result.data.DATA_DIR) };
  const problems = result.error.issues.map((issue) => `  ${issue.path.join('.')}: ${issue.message}`);
  throw new Error(`The configuration is wrong:\n${problems.join('\n')}`);
}

/** The administration token: the configured one, or one generated at the first start and kept in DATA_DIR. */
export function administrationToken({ ADMIN_TOKEN, DATA_DIR }: Configuration): { token: string; generatedNow: boolean } {
  if (ADMIN_TOKEN !== undefined) return { token: ADMIN_TOKEN, generatedNow: false };
  const file = join(DATA_DIR, 'admin-token');
  if (existsSync(file)) return { token: readFileSync(file, 'utf8').trim(), generatedNow: false };
  const token = `adm-${randomBytes(24).toString('base64url')}`;
  mkdirSync(DATA_DIR, { recursive: true });
  writeFileSync(file, `${token}\n`, { mode: 0o600 });
  return { token, generatedNow: true };
}

const RESERVED_IDS: readonly string[] = ['openai', 'deepseek', 'anthropic', 'gemini', 'demo'];
const compatibleProviders = z
  .array(
    z.strictObject({
      id: z
        .string()
        .regex(/^[a-z][a-z0-9-]{0,39}$/, 'must be lower-case letters, digits and -')
        .refine((id) => !RESERVED_IDS.includes(id), 'is the id of a known provider'),
      name: z.string().min(1).max(100),
      base_url: z.url({ protocol: /^https?$/ }),
      /** The variable that holds the key: no key stands in the list itself. */
      api_key_env: z.string().regex(/^[A-Z][A-Z0-9_]*$/, 'must be the name of a variable'),
    }),
  )
  .refine((list) => new Set(list.map(({ id }) => id)).size === list.length, 'names an id twice');

/** `[{"id":"acme","name":"Acme","base_url":"https://…/v1","api_key_env":"ACME_API_KEY"}]`: servers that speak OpenAI's chat completions. */
function parseCompatibleProviders(text: string, context: z.RefinementCtx): z.output<typeof compatibleProviders> {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    context.addIssue('must be a JSON array');
    return [];
  }
  const result = compatibleProviders.safeParse(json, { reportInput: false });
  for (const { path, message } of result.error?.issues ?? []) context.addIssue(`${path.join('.')} ${message}`.trim());
  return result.data ?? [];
}

function parseRoles(text: string, context: z.RefinementCtx): ReadonlySet<Role> {
  const roles = text.split(',').map((role) => role.trim());
  const unknown = roles.filter((role) => !(ROLES as readonly string[]).includes(role));
  for (const role of unknown) context.addIssue(`unknown role "${role}"; known are ${ROLES.join(', ')}`);
  return new Set(roles as Role[]);
}

const requestsPerMinute = (limit: string) => (/^\d{1,9}$/.test(limit) ? Number(limit) : undefined);

/** `free=60,premium=600` to requests per minute of an account by tier; 0 is no limit, an unnamed tier keeps its default. */
function parseRateLimits(text: string, context: z.RefinementCtx): Readonly<Record<string, number>> {
  const byDefault = TIERS.map((tier) => [tier, TIER_POLICIES[tier].requestsPerMinute]);
  return { ...Object.fromEntries(byDefault), ...parseKeyRateLimits(text, context) };
}

/** The same for each of an account's keys; an unnamed tier has no limit. */
function parseKeyRateLimits(text: string, context: z.RefinementCtx): Readonly<Partial<Record<Tier, number>>> {
  return parseByTier(text, context, 'requests per minute', requestsPerMinute);
}

/** `free=1,premium=0` to the credits of a new account by tier; an unnamed tier keeps its own. */
function parseWelcomeCredits(text: string, context: z.RefinementCtx): Readonly<Partial<Record<Tier, NanoCredits>>> {
  return parseByTier(text, context, 'credits', parseCredits);
}

/** `whsec_` and base64 of 24 to 64 bytes: what whoever receives notices checks them with. */
function parseWebhookSecret(text: string | undefined, context: z.RefinementCtx): Buffer | undefined {
  const secret = text === undefined ? undefined : readSecret(text);
  if (text !== undefined && secret === undefined) context.addIssue('must be "whsec_" and the base64 of 24 to 64 bytes');
  return secret;
}

function parseThreshold(text: string, context: z.RefinementCtx): NanoCredits {
  const threshold = parseCredits(text);
  if (threshold !== undefined && threshold > 0n) return threshold;
  context.addIssue('must be a positive number of credits');
  return z.NEVER;
}

function parseByTier<T>(text: string, context: z.RefinementCtx, what: string, read: (value: string) => T | undefined) {
  const byTier: Partial<Record<Tier, T>> = {};
  for (const pair of text.split(',').filter((part) => part.trim() !== '')) {
    const [name = '', value = ''] = pair.split('=').map((part) => part.trim());
    const tier = TIERS.find((each) => each === name);
    const amount = read(value);
    if (tier === undefined || amount === undefined)
      context.addIssue(`"${pair}" is not <tier>=<${what}>; tiers are ${TIERS.join(', ')}`);
    else byTier[tier] = amount;
  }
  return byTier;
}
