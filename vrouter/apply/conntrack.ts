/** Forgetting connections, by the `conntrack` program: in one process, whatever their number. */
import type { Run } from './run.ts';

/** Runs deletions as `linux/flows.ts` writes them; a line that matches nothing is fine. Throws when the program fails. */
export async function forgetFlows(run: Run, lines: readonly string[]): Promise<void> {
  if (lines.length === 0) return;
  const finished = await run(['sh', '-c', 'cat | conntrack -R -'], `${lines.join('\n')}\n`);
  // It opens its input by name, which fails on a socket (Node's kind of pipe): hence `cat`. The counts it prints per line go to stderr; only a line it cannot parse or an error of netlink ends it early.
  if (finished.code !== 0 && !/0 flow entries have been deleted/.test(finished.stderr)) {
    throw new Error(`conntrack: ${finished.stderr.trim()}`);
  }
}
