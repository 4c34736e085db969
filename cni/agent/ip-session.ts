/** One `ip` process that stays. */
import { messageOf } from '../../runtime/errors.ts';
import { createSession, IP_DIALECT } from '../../runtime/session.ts';
import { NetlinkError, startProgram } from './netlink.ts';

export interface IpSession {
  /** Runs commands in order, all of them; throws a `NetlinkError` with what failed. */
  readonly run: (lines: readonly string[]) => Promise<void>;
  readonly close: () => void;
}

/** A session behind `prefix` (`nsenter …`, or nothing). The process starts with the first batch, and anew when it has died. */
export function createIpSession(prefix: readonly string[]): IpSession {
  const session = createSession(
    () => startProgram([...prefix, 'sh', '-c', 'exec ip -force -batch - 2>&1']),
    IP_DIALECT,
  );
  return {
    run: async (lines) => {
      const { said } = await session.tell(lines).catch((error: unknown) => {
        throw new NetlinkError(`ip: ${messageOf(error)}`, { cause: error });
      });
      const problems = said.replaceAll(/Command failed -:\d+\n/g, '').trim();
      if (problems !== '')
        throw new NetlinkError(`"ip ${lines.join('; ip ')}" failed: ${problems.replaceAll('\n', '; ')}`);
    },
    close: session.close,
  };
}
