/** Program: preflight, run by the chart before an installation. */
import { writeFileSync } from 'node:fs';
import { readSettings } from '../../runtime/config.ts';
import { messageOf } from '../../runtime/errors.ts';
import { lookAtNode, lookAtNodes } from './run.ts';
import { PREFLIGHT_PROGRAM, PREFLIGHT_SETTINGS } from './settings.ts';

const settings = readSettings(PREFLIGHT_PROGRAM, PREFLIGHT_SETTINGS);
/** The kubelet keeps at most this much of a termination message. */
const MAX_MESSAGE_BYTES = 4096;

try {
  if (settings.onNode === '') {
    const { lines, failed } = await lookAtNodes(settings);
    const last =
      failed === 0
        ? 'every node can run OpenContrail'
        : 'nothing was installed; mend the above, or let a check pass with --set preflight.ignore={<check>}';
    process.stdout.write(`${[...lines, last].join('\n')}\n`);
    process.exit(failed === 0 ? 0 : 1);
  }
  const problems = await lookAtNode(settings);
  if (problems.length > 0) writeFileSync('/dev/termination-log', JSON.stringify(problems).slice(0, MAX_MESSAGE_BYTES));
  process.exit(problems.length === 0 ? 0 : 1);
} catch (error) {
  process.stderr.write(`preflight: ${messageOf(error)}\n`);
  process.exit(1);
}
