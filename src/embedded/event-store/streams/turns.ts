/**
 * The pages of all reads share a part of each turn of the event loop, so that appends are served meanwhile, however many read and
 * however slow their filters are.
 */
const TURN_MS_MAX = 20;

const waiting: (() => void)[] = [];

/** Runs a task, short and synchronous, in the next turn that has time left; in the order of asking. */
export function inTurn<Result>(task: () => Result): Promise<Result> {
  return new Promise<Result>((resolve, reject) => {
    waiting.push(() => {
      try {
        resolve(task());
      } catch (error) {
        reject(error);
      }
    });
    if (waiting.length === 1) setImmediate(takeTurn);
  });
}

function takeTurn(): void {
  const until = performance.now() + TURN_MS_MAX;
  do waiting.shift()?.();
  while (waiting.length > 0 && performance.now() < until);
  if (waiting.length > 0) setImmediate(takeTurn);
}
