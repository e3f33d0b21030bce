/** Says as the last line of a run how many tests passed and failed: a form that every CI understands. */
export default class CountsReporter {
  onRunComplete(_contexts, { numPassedTests, numFailedTests, numPendingTests, numTodoTests, numRuntimeErrorTestSuites }) {
    const skipped = numPendingTests + numTodoTests;
    // A file that cannot even be loaded has failed, though no test of it has run.
    const failed = numFailedTests + numRuntimeErrorTestSuites;
    const line = `${numPassedTests} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}\n`;
    // Jest's own summary comes after the reporters of the configuration.
    process.once('exit', () => process.stdout.write(line));
  }
}
