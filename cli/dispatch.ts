/** From the command line to one command of the table. */
import { type Command, EXIT, type Output } from './command.ts';

/** Runs the command whose words the arguments begin with; answers the exit code. */
export async function dispatch(argv: readonly string[], commands: readonly Command[], output: Output): Promise<number> {
  const [first] = argv;
  if (first === undefined || ['--help', '-h', 'help'].includes(first)) {
    output.data(usage(commands));
    return first === undefined ? EXIT.usage : EXIT.clean;
  }
  const command = commands.find(({ words }) => words.every((word, index) => argv[index] === word));
  if (command !== undefined) return await command.run(argv.slice(command.words.length), output);
  output.say(`kubectl contrail: there is no command "${argv.join(' ')}"\n${usage(commands)}`);
  return EXIT.usage;
}

function usage(commands: readonly Command[]): string {
  const rows = commands.map(({ words, summary }) => `  ${words.join(' ')}\n      ${summary}`);
  const codes = '0 clean, 1 something was found, 2 usage, 3 not everything could be asked';
  return `kubectl contrail ipam check\n\n${rows.join('\n')}\n\nEach has --help; what answers in text has --json too. Exit codes: ${codes}.\n`;
}
