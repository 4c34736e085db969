import { describe, expect, test } from '@jest/globals';
import { z } from 'zod';
import { parseSettings } from '../../runtime/config.ts';

const program = { name: 'demo', summary: 'a program.', example: 'demo --listen 127.0.0.1:1' };
const settings = {
  listen: { describe: 'address to listen on', schema: z.string() },
  podCount: {
    describe: 'how many',
    schema: z.coerce.number().int('expected a whole number'),
    default: '3',
    env: ['PODS'],
  },
};

const parse = (argv: string[], env: Record<string, string>) => parseSettings(program, settings, { argv, env });

describe('settings', () => {
  test('a flag wins over the environment, the environment over the default', () => {
    expect(parse(['--listen', 'a'], {})).toEqual({ kind: 'values', values: { listen: 'a', podCount: 3 }, words: [] });
    expect(parse(['--listen', 'a'], { PODS: '4' })).toMatchObject({ values: { podCount: 4 } });
    expect(parse(['--listen', 'a'], { PODS: '4', OPENCONTRAIL_POD_COUNT: '5' })).toMatchObject({
      values: { podCount: 5 },
    });
    expect(parse(['--listen', 'a', '--pod-count', '6'], { PODS: '4' })).toMatchObject({ values: { podCount: 6 } });
  });

  test('every problem names the flag, the value and what is expected, all at once', () => {
    expect(parse(['--pod-count', '1.5'], {})).toEqual({
      kind: 'invalid',
      problems: [
        '--listen is required: address to listen on (or set OPENCONTRAIL_LISTEN)',
        '--pod-count: "1.5" is not valid: expected a whole number',
      ],
    });
  });

  test('an unknown flag is refused', () => {
    expect(parse(['--lisen', 'x'], {}).kind).toBe('invalid');
  });

  test('help leads with an example and names every flag with its variable', () => {
    const parsed = parse(['--help'], {});
    if (parsed.kind !== 'help') throw new Error('expected help');
    expect(parsed.text.startsWith('demo --listen')).toBe(true);
    expect(parsed.text).toContain('--pod-count');
    expect(parsed.text).toContain('OPENCONTRAIL_POD_COUNT, PODS');
  });

  test('a switch stands alone, and words are taken where the program knows what to do with them', () => {
    const settings = {
      json: { describe: 'as JSON', schema: z.stringbool(), default: 'false', isSwitch: true },
    } as const;
    const command = { ...program, words: 2 };
    const parse = (argv: string[]) => parseSettings(command, settings, { argv, env: {} });
    expect(parse(['a', '--json', 'b'])).toEqual({ kind: 'values', values: { json: true }, words: ['a', 'b'] });
    expect(parse([])).toEqual({ kind: 'values', values: { json: false }, words: [] });
    expect(parse(['a', 'b', 'c'])).toEqual({ kind: 'invalid', problems: ['unexpected argument "c"'] });
    expect(parseSettings(program, settings, { argv: ['a'], env: {} }).kind).toBe('invalid');
  });
});
