/** What a command of `kubectl contrail` is: words, flags, and something to run with them. */
import { z } from 'zod';
import { parseCommand, type ProgramDescription, type Settings, type SettingsValues } from '../runtime/config.ts';
import { messageOf } from '../runtime/errors.ts';

/** Exit codes, the same for every command. */
export const EXIT = {
  /** Nothing to complain of. */
  clean: 0,
  /** The answer is one that a script would want to stop at. */
  found: 1,
  /** The command line makes no sense. */
  usage: 2,
  /** The question could not be asked, or not everywhere. */
  unanswered: 3,
} as const;

/** Where a command writes: data and words are never mixed. */
export interface Output {
  /** Standard output, for what was asked for. */
  readonly data: (text: string | Uint8Array) => void;
  /** Whether somebody reads it with his own eyes. */
  readonly isTerminal: boolean;
  /** Standard error, for everything besides. */
  readonly say: (text: string) => void;
}

export interface Command {
  /** `['ipam', 'check']`. */
  readonly words: readonly string[];
  readonly summary: string;
  /** Runs with the arguments after the words; answers the exit code. */
  readonly run: (argv: readonly string[], output: Output) => Promise<number>;
}

/** The flags by which every command finds the cluster. */
export const WHERE_SETTINGS = {
  kubeconfig: {
    describe: 'kubeconfig file; empty: KUBECONFIG, or the one in the home folder',
    schema: z.string(),
    default: '',
  },
  context: { describe: 'context of the kubeconfig; empty: the current one', schema: z.string(), default: '' },
  productNamespace: {
    describe: 'namespace that OpenContrail is installed in',
    schema: z.string().min(1),
    default: 'opencontrail',
  },
} as const satisfies Settings;

/** Those, and that of commands which answer in text. */
export const CLUSTER_SETTINGS = {
  ...WHERE_SETTINGS,
  json: { describe: 'answer as JSON', schema: z.stringbool(), default: 'false', isSwitch: true },
} as const satisfies Settings;

/** A command from its description; flags are parsed, `--help` is answered and failures are put into words here. */
export function defineCommand<S extends Settings>(definition: {
  readonly words: readonly string[];
  readonly description: Omit<ProgramDescription, 'name'>;
  readonly settings: S;
  readonly run: (
    settings: SettingsValues<S>,
    given: { readonly words: readonly string[]; readonly output: Output },
  ) => Promise<number>;
}): Command {
  const { words, description, settings, run } = definition;
  const program = { ...description, name: ['kubectl contrail', ...words].join(' ') };
  return {
    words,
    summary: description.summary,
    run: async (argv, output) => {
      const parsed = parseCommand(program, settings, argv);
      if (parsed.kind === 'help') {
        output.data(parsed.text);
        return EXIT.clean;
      }
      if (parsed.kind === 'invalid') {
        output.say(`${program.name}: ${parsed.problems.join('; ')}\nTry --help.\n`);
        return EXIT.usage;
      }
      try {
        return await run(parsed.values, { words: parsed.words, output });
      } catch (error) {
        output.say(`${program.name}: ${messageOf(error)}\n`);
        return EXIT.unanswered;
      }
    },
  };
}
