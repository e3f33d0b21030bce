import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { startGateway, type Gateway } from '../support/gateway.js';
import { type FakeUpstream, startFakeUpstream } from '../support/fake-upstream.js';
import { ask, chat, balanceOf } from './http.js';
let gateway: Gateway; let up: FakeUpstream;
beforeAll(async () => { up = await startFakeUpstream(); gateway = await startGateway({ upstream: up }); });
afterAll(async () => { await gateway?.dispose(); await up.close(); });
it('smokes', async () => {
  const { key, userId } = await gateway.admin.openCustomer();
  const a = await ask(gateway, '/v1/chat/completions', { key, body: chat('hi') });
  console.log(a.status, a.text, await balanceOf(gateway, key), gateway.storePid(), gateway.pid);
  for (const [k,v] of a.headers) console.log(k,v);
  console.log((await ask(gateway, '/quota', { key })).text);
  const b = await ask(gateway, '/v1/chat/completions', { key, body: chat('[[prompt=0 completion=123750000]]', {model:'gpt-5-nano'}) });
  console.log(b.text, await balanceOf(gateway, key));
  const s = await ask(gateway, '/v1/chat/completions', { key, body: chat('hi', {stream:true}) });
  console.log(s.text);
  console.log(await gateway.stop(), gateway.stdout, gateway.stderr);
});
