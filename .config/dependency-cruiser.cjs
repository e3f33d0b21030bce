/** The import rules of the project, as errors. The reasons stand beside each rule. */
const PURE = '^src/kernel/|^src/[^/]+/domain/|^projections/[^/]+/[^/]+\\.projection\\.ts$|^projections/runtime/projection\\.ts$';
/** Of the command line for the read models: it puts them, their runtime and the embedded servers together. */
const ENTRY = '^projections/runtime/cli/main\\.ts$';

module.exports = {
  forbidden: [
    {
      name: 'pure-code-imports-no-package',
      comment: 'Rules and folds are replayed for years: no npm package and no Node module decides what they mean.',
      severity: 'error',
      from: { path: PURE },
      to: { dependencyTypes: ['npm', 'npm-dev', 'npm-optional', 'npm-peer', 'npm-no-pkg', 'core', 'unknown'] },
    },
    {
      name: 'pure-code-imports-only-pure-code',
      comment: 'A rule that reaches for an adapter is no longer a rule.',
      severity: 'error',
      from: { path: PURE },
      to: { path: '^(src|projections)/', pathNot: [PURE, '\\.events\\.ts$'] },
    },
    {
      name: 'write-side-never-reads-a-projection',
      comment: 'Whether a call may be paid is decided on the account stream. Only the composition root sees both sides.',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/app\\.[a-z]+\\.ts$' },
      to: { path: '^projections/' },
    },
    {
      name: 'projections-see-only-facts-and-edges',
      comment:
        'The read side knows the vocabulary, the store, what every HTTP edge shares, and the events. A program is put together at its entry.',
      severity: 'error',
      from: { path: '^projections/', pathNot: ENTRY },
      to: { path: '^src/', pathNot: '^src/(kernel|event-store|http)/|\\.events\\.ts$' },
    },
    {
      name: 'one-question-per-projection',
      comment: 'Projections share the runtime, nothing else.',
      severity: 'error',
      from: { path: '^projections/([^/]+)/', pathNot: ENTRY },
      to: { path: '^projections/', pathNot: '^projections/($1|runtime)/' },
    },
    {
      name: 'one-door-to-the-event-store',
      comment: 'The client has faults that cost money if trusted; they are handled in one folder.',
      severity: 'error',
      from: { path: '^(src|projections)/', pathNot: '^src/(event-store|embedded/event-store)/' },
      to: { path: 'node_modules/@eventstore/db-client' },
    },
    {
      name: 'features-meet-at-events-and-ports',
      comment: 'A feature imports from another feature only its events or what its index exports as a port.',
      severity: 'error',
      from: {
        path: '^src/(accounts|pricing|completions|providers|models|jobs|audit|idempotency|messages|responses|text-completions|canonical-chat|openrouter|disputes|periods|repricing|reports|reconciliation|notices)/',
      },
      to: {
        path: '^src/(accounts|pricing|completions|providers|models|jobs|audit|idempotency|messages|responses|text-completions|canonical-chat|openrouter|disputes|periods|repricing|reports|reconciliation|notices)/',
        pathNot: '^src/$1/|\\.events\\.ts$|^src/[^/]+/index\\.ts$',
      },
    },
    {
      name: 'embedded-knows-no-feature',
      comment: 'The embedded servers stand in for real ones and know nothing of credits.',
      severity: 'error',
      from: { path: '^src/embedded/(event-store|postgres)/' },
      to: { path: '^(src|projections)/', pathNot: '^src/embedded/' },
    },
    { name: 'no-cycles', comment: 'A cycle is two modules that are one.', severity: 'error', from: {}, to: { circular: true } },
    { name: 'no-unresolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
    {
      name: 'no-dev-dependency-in-product',
      severity: 'error',
      from: { path: '^(src|projections)/' },
      to: { dependencyTypes: ['npm-dev'] },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'default', 'types'],
      extensions: ['.ts', '.js'],
    },
  },
};
