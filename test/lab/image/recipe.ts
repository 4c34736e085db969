/** The parts of the Dockerfile that the lab's own builder needs: packages, and what is copied from the checkout. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { checkout } from '../paths.ts';

/** `copies` are [path in the checkout, path in `/opt/opencontrail`]. */
export interface Recipe {
  readonly packages: readonly string[];
  readonly copies: readonly (readonly [string, string])[];
}

/** Reads the checkout's Dockerfile. */
export function readRecipe(): Recipe {
  return parseRecipe(readFileSync(join(checkout, 'Dockerfile'), 'utf8'));
}

/** Pure. Throws when the Dockerfile no longer has the lines it is read for. */
export function parseRecipe(dockerfile: string): Recipe {
  const packages = /^ARG PACKAGES="(.+)"$/m.exec(dockerfile)?.[1]?.split(' ') ?? [];
  const last = dockerfile.slice(dockerfile.lastIndexOf('\nFROM '));
  const copies = [...last.matchAll(/^COPY ([\w./-]+) \.\/([\w./-]+)$/gm)].map(
    ([, from = '', to = '']) => [from, to] as const,
  );
  if (packages.length === 0 || copies.length === 0) throw new Error('Dockerfile: no ARG PACKAGES="…" or no COPY lines');
  return { packages, copies };
}
