/** What a process keeps for clients that may never ask again is bounded; the longest kept goes first. */
import { expect, test } from '@jest/globals';
import type { AskedChat } from '../../src/completions/asked-chat.js';
import { OrphanedAnswers } from '../../src/completions/repeats/orphaned-answers.js';

const MB = 1024 * 1024;

const asked = (body: object, keyId = 'key'): AskedChat =>
  ({ principal: { accountId: 'account', keyId }, request: { method: 'POST', url: '/', body } }) as AskedChat;
const answerOf = (bytes: number) => ({ status: 200, contentType: 'application/json', body: 'x'.repeat(bytes) });

/** Which of the requests find an answer. */
async function found(orphans: OrphanedAnswers, requests: readonly AskedChat[]): Promise<number[]> {
  const answers = await Promise.all(requests.map((request) => orphans.claim(request)));
  return answers.flatMap((answer, index) => (answer === undefined ? [] : [index]));
}

test('a thousand answers, of all keys together', async () => {
  const orphans = new OrphanedAnswers();
  const requests = Array.from({ length: 1_003 }, (_, n) => asked({ n }, `key-${n % 10}`));
  for (const request of requests) orphans.add(request, Promise.resolve(answerOf(1)));
  const kept = await found(orphans, requests);
  expect([kept.length, kept[0]]).toEqual([1_000, 3]);
  expect(await found(orphans, requests)).toEqual([]);
});

test('64 MB, and none longer than 8', async () => {
  const orphans = new OrphanedAnswers();
  const requests = Array.from({ length: 12 }, (_, n) => asked({ n }));
  for (const request of requests) orphans.add(request, Promise.resolve(answerOf(7 * MB)));
  const tooLong = asked({ n: 'too long' });
  orphans.add(tooLong, Promise.resolve(answerOf(8 * MB + 1)));
  // What came is weighed when it has come.
  await new Promise((resolve) => setImmediate(resolve));
  expect(await found(orphans, [...requests, tooLong])).toEqual([3, 4, 5, 6, 7, 8, 9, 10, 11]);
});

test('nothing is kept of a call that failed, or was not charged', async () => {
  const orphans = new OrphanedAnswers();
  const requests = [asked({ n: 0 }), asked({ n: 1 })] as const;
  orphans.add(requests[0], Promise.reject(new Error('the provider failed')));
  orphans.add(requests[1], Promise.resolve(undefined));
  await new Promise((resolve) => setImmediate(resolve));
  expect(requests.map((request) => orphans.claim(request))).toEqual([undefined, undefined]);
});
