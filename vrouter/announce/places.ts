/** The interfaces at which addresses of the outside's are answered for, each made ready once. */
import { output } from '../apply/run.ts';
import type { Run } from '../apply/run.ts';

export interface Places {
  /** The name of the underlay's interface. */
  readonly underlay: () => Promise<string>;
  /** The MAC of an interface, which answers at once then for whatever it is a proxy of. Throws where there is no such interface. */
  readonly macAt: (name: string) => Promise<string>;
  /** The next question makes it ready anew. */
  readonly forget: (name: string) => void;
}

/** Asks the kernel when it is first asked itself; only `findUnderlay` knows which interface is the underlay's. */
export function createPlaces(run: Run, findUnderlay: () => Promise<string>): Places {
  const macs = new Map<string, string>();
  let underlay: string | undefined;
  const find = async (): Promise<string> => (underlay ??= await findUnderlay());
  return {
    underlay: find,
    async macAt(name) {
      const mac = macs.get(name) ?? (await prepare(run, name, name === (await find())));
      macs.set(name, mac);
      return mac;
    },
    forget: (name) => void macs.delete(name),
  };
}

async function prepare(run: Run, name: string, isUnderlay: boolean): Promise<string> {
  const mac = / link\/ether (\S+)/.exec(await output(run, ['ip', '-o', 'link', 'show', 'dev', name]))?.[1] ?? '';
  await output(run, ['sh', '-e'], `${[...SETTINGS(name), ...(isUnderlay ? [] : APART(name))].join('\n')}\n`);
  return mac;
}

const SETTINGS = (name: string): readonly string[] => [
  `echo 0 > /proc/sys/net/ipv4/neigh/${name}/proxy_delay`,
  `[ ! -e /proc/sys/net/ipv6/conf/${name} ] || { echo 1 > /proc/sys/net/ipv6/conf/${name}/proxy_ndp; echo 0 > /proc/sys/net/ipv6/neigh/${name}/proxy_delay; }`,
];

/** Clients there are not where the node's own routes lead. */
const APART = (name: string): readonly string[] =>
  ['rp_filter', 'send_redirects'].map((each) => `echo 0 > /proc/sys/net/ipv4/conf/${name}/${each}`);
