/** How reads share the event loop with everybody else. */
import { expect, test } from '@jest/globals';
import { inTurn } from '../../src/embedded/event-store/streams/turns.js';

/** Longer than all tasks of one turn may take. */
function workLong(): void {
  const until = performance.now() + 25;
  while (performance.now() < until);
}

test('tasks run in the order of asking, and tell what came of them', async () => {
  const done: number[] = [];
  const outcomes = await Promise.allSettled(
    Array.from({ length: 100 }, (_, n) =>
      inTurn(() => {
        done.push(n);
        if (n % 2 === 1) throw new Error(`not ${n}`);
        return n;
      }),
    ),
  );
  expect(done).toEqual(Array.from({ length: 100 }, (_, n) => n));
  expect(outcomes.map((outcome) => (outcome.status === 'fulfilled' ? outcome.value : outcome.reason.message))).toEqual(
    done.map((n) => (n % 2 === 1 ? `not ${n}` : n)),
  );
});

test('tasks never run at once, and after a long one others get their turn', async () => {
  const seen: string[] = [];
  const tasks = [1, 2, 3].map((n) =>
    inTurn(() => {
      seen.push(`task ${n}`);
      workLong();
    }),
  );
  let isDone = false;
  const beside = (): void => {
    if (isDone) return;
    if (seen.length > 0 && seen.at(-1) !== 'beside') seen.push('beside');
    setImmediate(beside);
  };
  setImmediate(beside);
  seen.push('asked');
  await Promise.all(tasks);
  isDone = true;
  expect(seen.join(', ')).toMatch(/^asked, (beside, )?task 1, beside, task 2, beside, task 3$/);
});
