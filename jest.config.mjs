/** Jest runs TypeScript as Node does: types are stripped, nothing is compiled. */
export default {
  testEnvironment: 'node',
  testMatch: ['<rootDir>/test/**/*.test.ts'],
  testPathIgnorePatterns: ['/node_modules/', '/.lab/'],
  modulePathIgnorePatterns: ['<rootDir>/.lab/', '<rootDir>/dist/'],
  extensionsToTreatAsEsm: ['.ts'],
  transform: { '\\.ts$': '<rootDir>/tools/jest-strip-types.mjs' },
  coverageProvider: 'v8',
  maxWorkers: 2,
  // Much of this talks with real servers, on machines that are busy.
  testTimeout: 120_000,
};
