/**
 * The pages of all reads share a part of each turn of the event loop, so that appends are served meanwhile, however many read and
 * however slow their filters are.
 */
const TURN_MS_MAX = 20;

const waiting: ((untilMs: number) => void)[] = [];

/**
 * Runs a synchronous task in the next turn that has time left, in the order of asking. It is told until when it may run, as
 * performance.now() counts.
 */
export function inTurn<Result>(task: (untilMs: number) => Result): Promise<Result> {
  return new Promise<Result>((resolve, reject) => {
    waiting.push((untilMs) => {
      try {
        resolve(task(untilMs));
      } catch (error) {
        reject(error);
      }
    });
    if (waiting.length === 1) setImmediate(takeTurn);
  });
}

function takeTurn(): void {
  const untilMs = performance.now() + TURN_MS_MAX;
  do waiting.shift()?.(untilMs);
  while (waiting.length > 0 && performance.now() < untilMs);
  if (waiting.length > 0) setImmediate(takeTurn);
}
