/** Which client has done which case with which provider: told at the end, and nothing is told as passed that has not run to its end. */
import type { Client } from './client.js';
import { UPSTREAMS, type UpstreamName } from './upstreams.js';

export const CASES = ['plain', 'streaming', 'tools', 'structured', 'reasoning', 'error', 'abort'] as const;
export type Case = (typeof CASES)[number];

type Mark = 'passed' | 'failed' | { readonly cannot: string };
const SIGNS = { passed: '✓', failed: '✗', absent: '?' };
const LETTERS: Readonly<Record<UpstreamName, string>> = { openai: 'O', anthropic: 'A', gemini: 'G', deepseek: 'D' };

const REMARK = 'reasoning with openai: its chat completions show none, so that only its tokens are told, and none goes back';

export class Matrix {
  private readonly marks = new Map<string, Mark>();

  /** Runs a cell. It has failed until it has come to its end. */
  async run(client: Client, what: Case, upstream: UpstreamName, cell: () => Promise<void>): Promise<void> {
    const key = keyOf(client, what, upstream);
    this.marks.set(key, 'failed');
    await cell();
    this.marks.set(key, 'passed');
  }

  /** Leaves a cell out, with a word why. */
  cannot(client: Client, what: Case, upstream: UpstreamName, why: string): void {
    this.marks.set(keyOf(client, what, upstream), { cannot: why });
  }

  /** Cells that have neither passed nor been left out by a word. */
  open(clients: readonly Client[]): string[] {
    const keys = clients.flatMap((client) => CASES.flatMap((what) => UPSTREAMS.map((upstream) => keyOf(client, what, upstream))));
    return keys.filter((key) => [undefined, 'failed'].includes(this.marks.get(key) as undefined));
  }

  /** Clients by cases, a sign for each provider, and below why cells were left out. */
  print(clients: readonly Client[]): string {
    const notes: string[] = [];
    const signOf = (client: Client, what: Case, upstream: UpstreamName): string => {
      const mark = this.marks.get(keyOf(client, what, upstream)) ?? 'absent';
      if (typeof mark === 'string') return LETTERS[upstream] + SIGNS[mark];
      if (!notes.includes(mark.cannot)) notes.push(mark.cannot);
      return `${LETTERS[upstream]}${notes.indexOf(mark.cannot) + 1}`;
    };
    const rows = clients.map((client) => [
      client.name,
      ...CASES.map((what) => UPSTREAMS.map((upstream) => signOf(client, what, upstream)).join(' ')),
    ]);
    const table = [['', ...CASES], ...rows];
    const widths = table[0]?.map((_, column) => Math.max(...table.map((row) => row[column]?.length ?? 0))) ?? [];
    const lines = table.map((row) => row.map((text, column) => text.padEnd(widths[column] ?? 0)).join('  '));
    const legend = `${UPSTREAMS.map((each) => `${LETTERS[each]} ${each}`).join(', ')}; ✓ passed, ✗ failed, ? not run`;
    return [...lines, legend, REMARK, ...notes.map((note, index) => `${index + 1} does not apply: ${note}`)].join('\n');
  }
}

const keyOf = ({ name }: Client, what: Case, upstream: UpstreamName): string => `${name}: ${what} with ${upstream}`;
