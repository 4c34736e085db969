/** `kubectl contrail` as suites run it: this checkout's executable. */
import { join } from 'node:path';
import { run } from '../lab/command.ts';
import type { Output } from '../lab/command.ts';
import { checkout } from '../lab/paths.ts';

/** Runs a command of it; a code that is not zero is an answer. */
export async function contrailCommand(args: readonly string[]): Promise<Output> {
  return run(join(checkout, 'tools', 'kubectl-contrail'), args, { allowFailure: true });
}
