import { describe, expect, test } from '@jest/globals';
import { OutputMeter } from '../../src/completions/tokens/output-meter.js';

/** A meter whose text has a token for every four bytes, for an account that can hold so many tokens. */
function metered({ affordable, held = 100, most = 10_000 }: { affordable: number; held?: number; most?: number }) {
  const told: string[] = [];
  let bytes = 0;
  let working: Promise<unknown> = Promise.resolve();
  const later = <T>(value: () => T): Promise<T> => {
    const answer = Promise.resolve().then(value);
    working = answer;
    return answer;
  };
  const meter = new OutputMeter(held, held, most, {
    count: () => later(() => bytes / 4),
    hold: (tokens) => {
      const got = Math.min(tokens, affordable);
      told.push(`hold ${tokens}: ${got}`);
      return later(() => got);
    },
    pause: () => void told.push('pause'),
    resume: () => void told.push('resume'),
    cut: () => void told.push('cut'),
  });
  return {
    told,
    meter,
    async took(more: number) {
      bytes += more;
      meter.took(more);
      for (let turn = 0; turn < 5; turn++) await working.then(() => undefined);
    },
  };
}

describe('an answer without a limit', () => {
  test('has more held for it before what is held is used up, step by step', async () => {
    const { took, told } = metered({ affordable: 1_000 });
    for (let chunk = 0; chunk < 120; chunk++) await took(8);
    expect(told).not.toContain('cut');
    expect(told.filter((each) => each.startsWith('hold')).slice(0, 2)).toEqual(['hold 200: 200', 'hold 300: 300']);
  });

  test('is cut where there is nothing more, before it has used more than is held', async () => {
    const { took, told } = metered({ affordable: 250 });
    let tokens = 0;
    while (!told.includes('cut')) {
      await took(8);
      tokens += 2;
      expect(tokens).toBeLessThanOrEqual(250);
    }
    expect(tokens).toBeGreaterThan(200);
    // Asked once in vain, and not with every chunk again.
    expect(told.filter((each) => each.startsWith('hold'))).toEqual(['hold 200: 200', 'hold 300: 250']);
  });

  test('stops the provider while it is not known whether the next piece is paid for, and goes on then', async () => {
    const { took, told } = metered({ affordable: 1_000 });
    await took(90);
    expect(told).toEqual(['pause', 'resume']);
  });

  test('is not looked at any more once all is held that the model can say', async () => {
    const { took, told } = metered({ affordable: 1_000, most: 100 });
    await took(10_000);
    expect(told).toEqual([]);
  });

  test('is cut where it cannot be counted', async () => {
    const told: string[] = [];
    const meter = new OutputMeter(100, 100, 1_000, {
      count: () => Promise.reject(new Error('no counter')),
      hold: async () => 100,
      pause: () => undefined,
      resume: () => undefined,
      cut: () => void told.push('cut'),
    });
    meter.took(90);
    await new Promise((resolve) => setImmediate(resolve));
    expect(told).toEqual(['cut']);
  });
});
