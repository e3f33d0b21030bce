/** Tests are TypeScript ES modules over real sockets and servers; swc only strips the types. */
export default {
  rootDir: '..',
  testMatch: ['<rootDir>/test/**/*.test.ts'],
  testEnvironment: 'node',
  extensionsToTreatAsEsm: ['.ts'],
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' },
  transform: { '^.+\\.ts$': ['@swc/jest', { configFile: '.config/swcrc.json', swcrc: false }] },
  testTimeout: 60_000,
  maxWorkers: 2,
  globalSetup: '<rootDir>/.config/jest-data-before.js',
  globalTeardown: '<rootDir>/.config/jest-data-after.js',
  reporters: ['default', '<rootDir>/.config/jest-counts.js'],
};
