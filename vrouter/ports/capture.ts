/** `GET /capture/<vmi>`: what passes a bound port, as pcap, until it has enough or the caller goes. */
import { prettifyError } from 'zod';
import type { createCaptures } from '../capture/capture.ts';
import { captureSchema } from '../capture/request.ts';
import { type Answer, notFound } from './answer.ts';
import type { Ports } from './ports.ts';

export interface CaptureDeps {
  readonly ports: Ports;
  readonly captures: ReturnType<typeof createCaptures>;
}

/** 404 where the port is not bound here, 400 where `query` asks for what there is not, 429 where too many ask. */
export async function capturePort(
  vmi: string,
  query: Readonly<Record<string, string>>,
  { ports, captures, gone }: CaptureDeps & { readonly gone: AbortSignal },
): Promise<Answer> {
  const binding = ports.get(vmi);
  if (binding === undefined) return notFound();
  const asked = captureSchema.safeParse(query);
  if (!asked.success) return refused(400, prettifyError(asked.error));
  const capture = await captures(binding['host-ifname'], asked.data, gone);
  switch (capture.kind) {
    case 'refused':
      return refused(400, capture.reason);
    case 'busy':
      return refused(429, capture.reason);
    case 'capturing':
      return {
        status: 200,
        body: capture.pcap,
        contentType: 'application/vnd.tcpdump.pcap',
        trailer: { name: 'capture-summary', value: capture.summary },
      };
  }
}

function refused(status: number, error: string): Answer {
  return { status, body: JSON.stringify({ error }) };
}
