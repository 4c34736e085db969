/** Keeps the copying of ports' traffic at what was compiled: a table of its own, and the devices that it gives copies to. */
import type { Logger } from '../../runtime/log.ts';
import { messageOf } from '../../runtime/errors.ts';
import { MIRROR_PAIR, MIRROR_TABLE, MIRROR_TUNNELS, type MirrorDocument } from '../linux/mirrors.ts';
import { createRounds } from '../rounds.ts';
import { readInterfaces } from './host.ts';
import { output } from './run.ts';
import type { Run } from './run.ts';

export interface Mirrors {
  /** Makes a document stand, again and again until it does. */
  readonly set: (document: MirrorDocument) => void;
  /** Resolves when nothing is under way. */
  readonly idle: () => Promise<void>;
  /** Ends after what is under way; what stands goes on standing. */
  readonly close: () => Promise<void>;
}

/** What an earlier process has left is taken over, or away. */
export function createMirrors({ run, log }: { readonly run: Run; readonly log: Logger }): Mirrors {
  let desired: MirrorDocument | undefined;
  let mayStand = true;
  const rounds = createRounds(async () => {
    if (desired === undefined || (!mayStand && desired.table === '')) return 'applied';
    const document = desired;
    mayStand = true;
    try {
      await apply(document, run);
    } catch (error) {
      log.warn({ reason: messageOf(error) }, 'cannot copy traffic to its analyzers');
      return 'failed';
    }
    mayStand = document.table !== '';
    return 'applied';
  });
  return {
    set: (document) => {
      desired = document;
      rounds.request();
    },
    idle: rounds.idle,
    close: rounds.close,
  };
}

/** Takes away whatever copies. Repeatable. */
export async function removeMirrors(run: Run): Promise<void> {
  await apply({ tunnels: new Map(), table: '' }, run);
}

/** An interface that was made anew under its name has lost its chains: the table is replaced as a whole, at once. */
async function apply({ tunnels, table }: MirrorDocument, run: Run): Promise<void> {
  const found = await readInterfaces(run);
  const added = [...tunnels].filter(([name]) => !found.has(name));
  const gone = [...found].filter((name) => name.startsWith(MIRROR_TUNNELS) && !tunnels.has(name));
  const [near, far] = MIRROR_PAIR;
  const old = [...gone, ...(table === '' && found.has(far) ? [far] : [])].map((name) => `link del ${name}`);
  const links = [
    ...(table === '' || found.has(near) ? [] : pair()),
    ...added.flatMap(([name, kind]) => [
      `link add ${name} ${kind}`,
      `link set ${name} addrgenmode none`,
      `link set ${name} up`,
    ]),
  ];
  // A number may pass from one tunnel to another: the old one goes first, and what led to it falls silent for a moment.
  await batch([...old, ...links], run);
  const body = table === '' ? '' : `table ${MIRROR_TABLE} {\n${table}\n}\n`;
  await output(run, ['nft', '-f', '-'], `add table ${MIRROR_TABLE}\ndelete table ${MIRROR_TABLE}\n${body}`);
}

/** As wide as a frame can be, and silent. */
function pair(): readonly string[] {
  const [near, far] = MIRROR_PAIR;
  const silenced = MIRROR_PAIR.map((name) => `link set ${name} mtu 65535 arp off addrgenmode none`);
  const up = MIRROR_PAIR.map((name) => `link set ${name} up`);
  return [`link add ${near} type veth peer name ${far}`, ...silenced, ...up];
}

async function batch(lines: readonly string[], run: Run): Promise<void> {
  if (lines.length > 0) await output(run, ['ip', '-batch', '-'], `${lines.join('\n')}\n`);
}
