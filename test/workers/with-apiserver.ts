/** Tests of workers on a real API server. */
import { describe } from '@jest/globals';
import { labBinaries } from './apiserver.ts';

/** Without the lab's binaries there is no API server to test against; the end-to-end suites cover it then. */
export const withApiServer = labBinaries() === undefined ? describe.skip : describe;
