/** What passes a port of this node, as pcap: read at its host interface by tcpdump, for as long as somebody takes it. */
import type { Readable } from 'node:stream';
import { streamHere, type Streaming } from '../apply/run.ts';
import { type CaptureRequest, refusalOf, summaryOf, tcpdumpCommand } from './request.ts';

/** Each is a process, and a copy of the traffic. */
const MAX_CAPTURES = 8;

export type Capture =
  | {
      readonly kind: 'capturing';
      /** In the format of pcap-savefile(5). */
      readonly pcap: Readable;
      /** What was captured, and lost, once `pcap` has ended. */
      readonly summary: Promise<string>;
    }
  | { readonly kind: 'refused'; readonly reason: string }
  | { readonly kind: 'busy'; readonly reason: string };

/** Starts captures, of which only so many run at once; `gone` ends one. */
export function createCaptures() {
  let running = 0;
  return async (device: string, asked: CaptureRequest, gone: AbortSignal): Promise<Capture> => {
    if (running >= MAX_CAPTURES)
      return { kind: 'busy', reason: `${running} captures run on this node already; end one of them` };
    running += 1;
    const streaming = streamHere(tcpdumpCommand(device, asked));
    void streaming.ended.finally(() => (running -= 1));
    endBy(streaming, asked.seconds, gone);
    return await begun(streaming);
  };
}

function endBy({ kill, ended }: Streaming, seconds: number | undefined, gone: AbortSignal): void {
  const timer = seconds === undefined ? undefined : setTimeout(kill, seconds * 1000);
  gone.addEventListener('abort', kill, { once: true });
  if (gone.aborted) kill();
  void ended.finally(() => {
    clearTimeout(timer);
    gone.removeEventListener('abort', kill);
  });
}

/** Tcpdump writes the file's header once it listens, and nothing where it cannot. */
async function begun({ stdout, ended }: Streaming): Promise<Capture> {
  await Promise.race([ended, new Promise((resolve) => stdout.once('readable', resolve))]);
  if (stdout.readableLength > 0)
    return { kind: 'capturing', pcap: stdout, summary: ended.then(({ stderr }) => summaryOf(stderr)) };
  stdout.resume();
  return { kind: 'refused', reason: refusalOf((await ended).stderr) };
}
