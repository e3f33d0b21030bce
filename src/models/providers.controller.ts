import { Controller, Get } from '@nestjs/common';
import { Routing } from '../providers/index.js';
import { listedProvider } from './provider-directory.js';

/** The providers that are switched on, without a key. */
@Controller(['v1', 'api/v1'])
export class ProvidersController {
  constructor(private readonly routing: Routing) {}

  @Get('providers')
  list(): object {
    return { data: this.routing.providers.map(({ id, name }) => providerObject(id, name)) };
  }
}

function providerObject(id: string, given: string) {
  const { name, slug, privacyPolicyUrl, termsOfServiceUrl, statusPageUrl, headquarters } = listedProvider(id, given);
  return {
    name,
    slug,
    privacy_policy_url: privacyPolicyUrl,
    terms_of_service_url: termsOfServiceUrl,
    status_page_url: statusPageUrl,
    headquarters,
    datacenters: null,
  };
}
