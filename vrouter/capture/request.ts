/** What is asked of a capture, and tcpdump's command line for it. Pure. */
import { z } from 'zod';

/** The longest filter that is passed on, in characters: more than anybody writes. */
const MAX_FILTER_LENGTH = 1000;

/** By the names of a query's parameters. */
export const captureSchema = z.strictObject({
  /** An expression of pcap-filter(7); without one everything. */
  filter: z.string().max(MAX_FILTER_LENGTH).default(''),
  /** Ends after so many packets. */
  count: z.coerce.number().int().min(1).optional(),
  /** Ends after so much time. */
  seconds: z.coerce.number().positive().max(86_400).optional(),
  /** How much of each packet is kept, in bytes. */
  snaplen: z.coerce.number().int().min(64).max(262_144).default(262_144),
});

export type CaptureRequest = z.infer<typeof captureSchema>;

/** Writes pcap to standard output, each packet as it comes. A filter can be no option: it stands behind `--`. */
export function tcpdumpCommand(
  device: string,
  { filter, count, snaplen }: CaptureRequest,
): readonly [string, ...string[]] {
  const perPacket = ['-U', '--immediate-mode'];
  const asRoot = ['-Z', 'root']; // Debian's drops to a user that an image need not have.
  const limits = ['-s', String(snaplen), ...(count === undefined ? [] : ['-c', String(count)])];
  const expression = filter === '' ? [] : ['--', filter];
  return ['tcpdump', '-n', '-i', device, '-w', '-', ...perPacket, ...asRoot, ...limits, ...expression];
}

/** Tcpdump's last words in one line: `12 packets captured, 12 packets received by filter, 0 packets dropped by kernel`. */
export function summaryOf(stderr: string): string {
  return [...stderr.matchAll(/^\d+ packets? (?:captured|received by filter|dropped by kernel)$/gm)]
    .map(([line]) => line)
    .join(', ');
}

/** Why tcpdump has written nothing: what it says, without the lines that it says of every capture. */
export function refusalOf(stderr: string): string {
  const lines = stderr.split('\n').filter((line) => /^tcpdump: (?!listening on)/.test(line));
  return lines.map((line) => line.replace(/^tcpdump: /, '')).join('; ') || 'tcpdump ended without a word';
}
