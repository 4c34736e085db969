/** Program `kubectl-contrail`: questions to a running installation, asked with the user's own kubeconfig. */
import { EXIT } from './command.ts';
import { COMMANDS } from './commands.ts';
import { dispatch } from './dispatch.ts';

// Whoever reads may have had enough, as `head` has: a program that does not know pipes is ended by SIGPIPE then, with this code.
process.stdout.on('error', ({ code }: NodeJS.ErrnoException) =>
  process.exit(code === 'EPIPE' ? 128 + 13 : EXIT.unanswered),
);

process.exitCode = await dispatch(process.argv.slice(2), COMMANDS, {
  data: (text) => void process.stdout.write(text),
  isTerminal: process.stdout.isTTY,
  say: (text) => void process.stderr.write(text),
});
