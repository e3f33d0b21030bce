import { writeSync } from 'node:fs';

/** Says as the last line of a run how many tests passed and failed: a form that every CI understands. */
export default class CountsReporter {
  onRunComplete(_contexts, { numPassedTests, numFailedTests, numPendingTests, numTodoTests, numRuntimeErrorTestSuites }) {
    const skipped = numPendingTests + numTodoTests;
    // A file that cannot even be loaded has failed, though no test of it has run.
    const failed = numFailedTests + numRuntimeErrorTestSuites;
    const skippedToo = skipped > 0 ? `, ${skipped} skipped` : '';
    // Jest's own summary comes after the reporters of the configuration, and of a run that failed as a whole, which counts as one
    // failure, it lets nobody write to its streams any more.
    process.once('exit', (status) => {
      const count = failed === 0 && status !== 0 ? 1 : failed;
      writeSync(1, `${numPassedTests} passed, ${count} failed${skippedToo}\n`);
    });
  }
}
