/** Program: cleanup, run by the chart before the release goes. */
import { writeFileSync } from 'node:fs';
import { readSettings } from '../../runtime/config.ts';
import { messageOf } from '../../runtime/errors.ts';
import { cleanCluster, cleanThisNode } from './run.ts';
import { CLEANUP_PROGRAM, CLEANUP_SETTINGS } from './settings.ts';

const settings = readSettings(CLEANUP_PROGRAM, CLEANUP_SETTINGS);

try {
  const isOnNode = settings.onNode !== '';
  const remains = isOnNode ? await cleanThisNode(settings) : await cleanCluster(settings);
  const text = remains.length === 0 ? 'clean' : `not removed: ${remains.join('; ')}`;
  if (isOnNode) writeFileSync('/dev/termination-log', text);
  process.stdout.write(`${text}\n`);
  process.exit(remains.length === 0 ? 0 : 1);
} catch (error) {
  process.stderr.write(`cleanup: ${messageOf(error)}\n`);
  process.exit(1);
}
