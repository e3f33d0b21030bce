/**
 * Compiles src/, projections/ and bench/ to dist/ with swc: only files newer than their output, so that a start after no
 * edit costs milliseconds. Output without a source is removed. Types are checked by `npm run check:types`, not here.
 */
import { mkdir, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const dist = join(root, 'dist');
const configFile = join(root, '.config/swcrc.json');

const list = async (folder) =>
  (await readdir(join(root, folder), { recursive: true, withFileTypes: true }).catch(() => []))
    .filter((entry) => entry.isFile())
    .map((entry) => relative(root, join(entry.parentPath, entry.name)));
const modifiedAt = async (file) => (await stat(file).catch(() => ({ mtimeMs: 0 }))).mtimeMs;

const sources = (await Promise.all(['src', 'projections', 'bench'].map(list))).flat().filter((file) => file.endsWith('.ts'));
const outputs = new Set(sources.map((file) => join('dist', file.replace(/\.ts$/, '.js'))));
const configChangedAt = await modifiedAt(configFile);

const stale = [];
for (const source of sources) {
  const output = join(dist, source.replace(/\.ts$/, '.js'));
  const builtAt = await modifiedAt(output);
  if (builtAt <= Math.max(await modifiedAt(join(root, source)), configChangedAt)) stale.push({ source, output });
}
for (const file of await list('dist')) {
  if (!outputs.has(file.replace(/\.map$/, ''))) await rm(join(root, file));
}
if (stale.length > 0) {
  const { transformFile } = await import('@swc/core');
  await Promise.all(
    stale.map(async ({ source, output }) => {
      const { code, map } = await transformFile(join(root, source), {
        configFile,
        swcrc: false,
        sourceFileName: relative(dirname(join(root, output)), join(root, source)),
      });
      await mkdir(dirname(output), { recursive: true });
      await writeFile(output, `${code}\n//# sourceMappingURL=${output.split('/').pop()}.map\n`);
      await writeFile(`${output}.map`, map ?? '');
    }),
  );
}
