import type { NanoCredits } from '../kernel/credits.js';
import type { Tier } from './domain/accounts.events.js';

/** What a new account is given, by tier, where the operator says otherwise than the tier; bound from the configuration. */
export class WelcomeCredits {
  constructor(readonly byTier: Readonly<Partial<Record<Tier, NanoCredits>>>) {}
}
