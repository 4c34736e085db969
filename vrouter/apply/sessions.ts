/**
 * The programs that a round speaks with, kept open: a small transaction takes `nft` half a millisecond then, where a process of its own
 * takes ten, most of them to start and to read the table anew.
 */
import { createSession, IP_DIALECT } from '../../runtime/session.ts';
import type { Dialect, Session, Told } from '../../runtime/session.ts';
import { startHere } from './run.ts';

export interface Sessions {
  /** Runs statements as one transaction, all or nothing. Throws what `nft` says against it. */
  readonly nft: (statements: readonly string[]) => Promise<void>;
  /** Runs lines of `ip` in order, each for itself; answers what it said. */
  readonly ip: (family: '-4' | '-6', lines: readonly string[]) => Promise<Told>;
  /** A device has gone, or was made anew under its name; without a name, any may have been. */
  readonly forgetDevice: (name?: string) => void;
  /** Runs lines of shell in order, each for itself. */
  readonly sh: (lines: readonly string[]) => Promise<void>;
  /** Ends the programs. */
  readonly close: () => void;
}

/** Characters of a transaction that `nft -i` still takes quickly: it reads a line in a time that grows with its square. */
export const MAX_NFT_LINE = 8192;

/** A line that it cannot parse is repeated with the error. */
const NFT_DIALECT: Dialect = {
  question: (mark) => mark,
  answer: (mark) => new RegExp(`Error: syntax error[^\\n]*\\n${mark}\\n *\\^+\\n`),
};
const SH_DIALECT: Dialect = {
  question: (mark) => `echo ${mark}`,
  answer: (mark) => new RegExp(`${mark}\\n`),
};
/** `nft -i` keeps a history of what it was told. */
const NFT_RENEW_AFTER = 2000;

/** Sessions behind `prefix` (`ip netns exec …`, or nothing). Each program starts when it is first needed. */
export function createSessions(prefix: readonly string[] = []): Sessions {
  const kept = (command: string) => () => startHere([...prefix, 'sh', '-c', `exec ${command} 2>&1`]);
  // It would write its history to the home folder.
  const nft = createSession(kept('env HOME=/dev/null nft -i'), { ...NFT_DIALECT, renewAfter: NFT_RENEW_AFTER });
  const sh = createSession(kept('sh'), SH_DIALECT);
  const ip = createIpSessions((family) => createSession(kept(`ip ${family} -force -batch -`), IP_DIALECT));
  return {
    nft: async (statements) => {
      const { said } = await nft.tell([statements.join('; ')]);
      if (said.trim() !== '') throw new Error(`nft: ${said.trim()}`);
    },
    ip: ip.tell,
    forgetDevice: ip.forgetDevice,
    sh: async (lines) => void (await sh.tell(lines)),
    close: () => {
      for (const session of [nft, sh, ip]) session.close();
    },
  };
}

/** `ip` remembers which number a device has, and would go on using it for another one of that name. */
function createIpSessions(create: (family: '-4' | '-6') => Session) {
  const families = { '-4': create('-4'), '-6': create('-6') };
  const known = new Set<string>();
  return {
    tell: async (family: '-4' | '-6', lines: readonly string[]): Promise<Told> => {
      for (const line of lines) known.add(/ dev (\S+)/.exec(line)?.[1] ?? '');
      return await families[family].tell(lines);
    },
    forgetDevice: (name?: string): void => {
      if (name !== undefined && !known.has(name)) return;
      known.clear();
      for (const session of Object.values(families)) session.renew();
    },
    close: () => {
      for (const session of Object.values(families)) session.close();
    },
  };
}
