/** Program `kubectl-contrail`: questions to a running installation, asked with the user's own kubeconfig. */
import { COMMANDS } from './commands.ts';
import { dispatch } from './dispatch.ts';

process.exitCode = await dispatch(process.argv.slice(2), COMMANDS, {
  data: (text) => void process.stdout.write(text),
  isTerminal: process.stdout.isTTY,
  say: (text) => void process.stderr.write(text),
});
