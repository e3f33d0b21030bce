import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from '@jest/globals';
import ts from 'typescript';

/**
 * Rules and folds are replayed for years, so nothing in them may depend on the moment or the machine. What they import is
 * checked by dependency-cruiser; this test checks what they use without importing it.
 */
const PURE =
  /^src\/kernel\/|^src\/[^/]+\/domain\/|^projections\/[^/]+\/[^/]+\.projection\.ts$|^projections\/runtime\/projection\.ts$/;

const IMPURE_GLOBALS = new Set([
  ...['process', 'globalThis', 'global', 'performance', 'crypto', 'fetch', 'console', 'Intl', 'require'],
  ...['setTimeout', 'setInterval', 'setImmediate', 'queueMicrotask', 'structuredClone'],
]);
const IMPURE_MEMBERS = new Set(['Date.now', 'Math.random']);

const root = fileURLToPath(new URL('../..', import.meta.url));
const pureFiles = ['src', 'projections']
  .flatMap((folder) => readdirSync(join(root, folder), { recursive: true, withFileTypes: true }))
  .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
  .map((entry) => relative(root, join(entry.parentPath, entry.name)).replaceAll('\\', '/'))
  .filter((file) => PURE.test(file));

describe('kernel, rules and folds', () => {
  test('are found', () => {
    expect(pureFiles).toEqual(expect.arrayContaining(['src/kernel/credits.ts', 'src/accounts/domain/reserve-credits.ts']));
    expect(pureFiles).toContain('projections/balances/balances.projection.ts');
  });

  test.each(pureFiles)('%s reads no clock, draws no chance, waits for nothing', (file) => {
    expect(impurities(readFileSync(join(root, file), 'utf8'))).toEqual([]);
  });
});

describe('the check itself', () => {
  test.each([
    ['Date.now()', 'Date.now'],
    ['const { now } = Date', 'Date without an argument'],
    ['new Date()', 'Date without an argument'],
    ['Date()', 'Date without an argument'],
    ['Math.random()', 'Math.random'],
    ["Math['random']()", 'Math.random'],
    ['const { random } = Math', 'Math as a value'],
    ['process.env.HOME', 'process'],
    ['globalThis.process', 'globalThis'],
    ['setTimeout(() => 1, 1)', 'setTimeout'],
    ['const later = { setTimeout }', 'setTimeout'],
    ['async () => 1', 'async'],
    ['class A { async a() {} }', 'async'],
    ['await 1', 'await'],
    ['for await (const each of []) each', 'await'],
  ])('finds %s', (source, impurity) => {
    expect(impurities(source)).toContain(impurity);
  });

  test.each([
    'new Date(0).toISOString()',
    'Date.parse(text) + Date.UTC(2026, 0)',
    'Math.max(1, Math.floor(at / 1000))',
    'const step = { process: 1 }; step.process',
    "'Date.now() and process.env'",
    '// await Date.now()',
  ])('lets pass %s', (source) => {
    expect(impurities(source)).toEqual([]);
  });
});

/** What in a source depends on the moment or the machine, by name. */
function impurities(source: string): string[] {
  const found: string[] = [];
  const visit = (node: ts.Node): void => {
    const impurity = impurityOf(node);
    if (impurity !== undefined) found.push(impurity);
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile('source.ts', source, ts.ScriptTarget.Latest, true));
  return found;
}

function impurityOf(node: ts.Node): string | undefined {
  if (node.kind === ts.SyntaxKind.AsyncKeyword) return 'async';
  if (node.kind === ts.SyntaxKind.AwaitKeyword || ts.isAwaitExpression(node)) return 'await';
  if (!ts.isIdentifier(node) || isMerelyAName(node)) return undefined;
  if (IMPURE_GLOBALS.has(node.text)) return node.text;
  const member = memberOf(node);
  if (node.text === 'Math') return member === undefined ? 'Math as a value' : impureMember(`Math.${member}`);
  if (node.text !== 'Date') return undefined;
  if (member !== undefined) return impureMember(`Date.${member}`);
  const made = ts.isNewExpression(node.parent) && node.parent.expression === node && (node.parent.arguments?.length ?? 0) > 0;
  return made || ts.isTypeReferenceNode(node.parent) ? undefined : 'Date without an argument';
}

const impureMember = (name: string): string | undefined => (IMPURE_MEMBERS.has(name) ? name : undefined);

/** The `now` of `Date.now` and `Date['now']`. */
function memberOf({ parent, ...node }: ts.Identifier): string | undefined {
  if (ts.isPropertyAccessExpression(parent) && parent.expression.pos === node.pos) return parent.name.text;
  if (!ts.isElementAccessExpression(parent) || parent.expression.pos !== node.pos) return undefined;
  return ts.isStringLiteralLike(parent.argumentExpression) ? parent.argumentExpression.text : undefined;
}

/** Whether an identifier only names a member or a declaration, as `process` in `{ process: 1 }` and `step.process`. */
const isMerelyAName = (node: ts.Identifier): boolean =>
  (node.parent as { name?: ts.Node }).name === node && !ts.isShorthandPropertyAssignment(node.parent);
