/** The flags of every program that is a client of the config API. */
import { z } from 'zod';
import type { Settings, SettingsValues } from '../runtime/config.ts';

const text = z.string();

/** Where the config API is and how to be let in, to be spread into a program's own flags. */
export const CONTRAIL_SETTINGS = {
  contrailApi: {
    describe: 'config API: URLs separated by commas, or kubernetes://<namespace>/<service>',
    schema: text.min(1),
    default: 'kubernetes://opencontrail/config-api',
  },
  contrailToken: { describe: 'token of the config API; empty: none', schema: text, default: '' },
  contrailCa: { describe: 'PEM file of the authority of the config API; empty: none', schema: text, default: '' },
} as const satisfies Settings;

/** What they say. */
export type ContrailSettings = SettingsValues<typeof CONTRAIL_SETTINGS>;
