/** Flags and environment of a program, described once: parsing and `--help` come from the same table. */
import { parseArgs } from 'node:util';
import type { ZodType } from 'zod';

/** One setting: its flag is its key in kebab-case, its environment variable `OPENCONTRAIL_` and the key in upper case. */
export interface Setting<T> {
  readonly describe: string;
  /** Parses the text; the type a program sees is what this schema yields. */
  readonly schema: ZodType<T>;
  /** The text assumed when neither flag nor environment gives one; absent means the setting is required. */
  readonly default?: string;
  /** Environment variables read besides the derived one, first match wins. */
  readonly env?: readonly string[];
  /** Whether its flag stands alone and means `true`. */
  readonly isSwitch?: true;
  /** One letter that stands for the flag: `f` for `-f`. */
  readonly short?: string;
}

export type Settings = Readonly<Record<string, Setting<unknown>>>;
export type SettingsValues<S extends Settings> = {
  readonly [K in keyof S]: S[K] extends Setting<infer T> ? T : never;
};

/** What a program is called, one sentence about it, and an example of use: the head of `--help`. */
export interface ProgramDescription {
  readonly name: string;
  readonly summary: string;
  readonly example: string;
  /** How many words may stand beside the flags; none where it is absent. */
  readonly words?: number;
}

export type Parsed<S extends Settings> =
  | { readonly kind: 'values'; readonly values: SettingsValues<S>; readonly words: readonly string[] }
  | { readonly kind: 'help'; readonly text: string }
  | { readonly kind: 'invalid'; readonly problems: readonly string[] };

/** Parses flags over environment over defaults. Pure; every problem names the flag, the value and what is expected. */
export function parseSettings<S extends Settings>(
  program: ProgramDescription,
  settings: S,
  input: { readonly argv: readonly string[]; readonly env: Readonly<Record<string, string | undefined>> },
): Parsed<S> {
  const flags = readFlags(program, settings, input.argv);
  if (flags.kind === 'invalid') return flags;
  if (flags.values['help'] === true) return { kind: 'help', text: helpText(program, settings) };
  const problems: string[] = [];
  const values: Record<string, unknown> = {};
  for (const [key, setting] of Object.entries(settings)) {
    const text = flags.values[flagOf(key)] ?? fromEnvironment(key, setting, input.env) ?? setting.default;
    if (text === undefined) {
      problems.push(`--${flagOf(key)} is required: ${setting.describe} (or set ${variableOf(key)})`);
      continue;
    }
    const result = setting.schema.safeParse(String(text));
    if (result.success) values[key] = result.data;
    else
      problems.push(
        `--${flagOf(key)}: "${text}" is not valid: ${result.error.issues.map((i) => i.message).join('; ')}`,
      );
  }
  if (problems.length > 0) return { kind: 'invalid', problems };
  // The loop above filled exactly the keys of S with what each schema yields.
  return { kind: 'values', values: values as SettingsValues<S>, words: flags.words };
}

/** The same for a command of this process, with its environment. */
export function parseCommand<S extends Settings>(
  program: ProgramDescription,
  settings: S,
  argv: readonly string[],
): Parsed<S> {
  return parseSettings(program, settings, { argv, env: process.env });
}

/** This process's environment, for hosts that give a function nothing else. */
export function environment(): Readonly<Record<string, string | undefined>> {
  return process.env;
}

/** Reads this process's flags and environment; prints help or the problems and exits where there is nothing to run. */
export function readSettings<S extends Settings>(program: ProgramDescription, settings: S): SettingsValues<S> {
  const parsed = parseSettings(program, settings, { argv: process.argv.slice(2), env: process.env });
  switch (parsed.kind) {
    case 'values':
      return parsed.values;
    case 'help':
      process.stdout.write(parsed.text);
      return process.exit(0);
    case 'invalid':
      process.stderr.write(`${program.name}: ${parsed.problems.join(`\n${program.name}: `)}\nTry --help.\n`);
      return process.exit(2);
  }
}

type Flags =
  | {
      readonly kind: 'flags';
      readonly values: Readonly<Record<string, string | boolean | undefined>>;
      readonly words: readonly string[];
    }
  | { readonly kind: 'invalid'; readonly problems: readonly string[] };

function readFlags({ words = 0 }: ProgramDescription, settings: Settings, argv: readonly string[]): Flags {
  const options: Record<string, { type: 'string' | 'boolean'; short?: string }> = {
    help: { type: 'boolean', short: 'h' },
  };
  for (const [key, { isSwitch, short }] of Object.entries(settings)) {
    options[flagOf(key)] = { type: isSwitch ? 'boolean' : 'string', ...(short === undefined ? {} : { short }) };
  }
  try {
    const { values, positionals } = parseArgs({ args: [...argv], options, allowPositionals: words > 0 });
    const extra = positionals[words];
    if (extra !== undefined) return { kind: 'invalid', problems: [`unexpected argument "${extra}"`] };
    return { kind: 'flags', values, words: positionals };
  } catch (error) {
    return { kind: 'invalid', problems: [error instanceof Error ? error.message : String(error)] };
  }
}

function fromEnvironment(
  key: string,
  setting: Setting<unknown>,
  env: Readonly<Record<string, string | undefined>>,
): string | undefined {
  const name = [variableOf(key), ...(setting.env ?? [])].find((candidate) => env[candidate] !== undefined);
  return name === undefined ? undefined : env[name];
}

function helpText(program: ProgramDescription, settings: Settings): string {
  const rows = Object.entries(settings).map(([key, setting]) => {
    const fallback = setting.default === undefined ? 'required' : `default: ${setting.default || '(empty)'}`;
    const variables = [variableOf(key), ...(setting.env ?? [])].join(', ');
    const short = setting.short === undefined ? '' : `, -${setting.short}`;
    return `  --${flagOf(key)}${short}\n      ${setting.describe}\n      ${fallback}; environment: ${variables}`;
  });
  return `${program.example}\n\n${program.name}: ${program.summary}\n\n${rows.join('\n')}\n  --help, -h\n      Prints this text.\n`;
}

function flagOf(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

function variableOf(key: string): string {
  return `OPENCONTRAIL_${flagOf(key).replaceAll('-', '_').toUpperCase()}`;
}
