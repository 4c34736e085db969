/** Commands for the running HAProxy (management guide, "Unix Socket commands"). */
import { connect } from 'node:net';
import { serverName } from './backend.ts';
import type { SlotChange } from './slots.ts';

/** Commands in one line; it may be as long as HAProxy's buffer, 16 KiB. */
const COMMANDS_PER_LINE = 40;
const TIMEOUT_MS = 5_000;

/** Sends a line and answers what HAProxy says; throws when nobody listens. */
export async function command(socket: string, line: string): Promise<string> {
  return await new Promise((resolve, reject) => {
    let answer = '';
    const connection = connect(socket, () => connection.write(`${line}\n`));
    connection.setTimeout(TIMEOUT_MS, () => connection.destroy(new Error('HAProxy does not answer')));
    connection.setEncoding('utf8').on('data', (text: string) => {
      answer += text;
    });
    connection.on('end', () => resolve(answer));
    connection.on('error', reject);
  });
}

/** Puts servers into their places and out of them. Throws when HAProxy has no such place; then a reload is due. */
export async function moveServers(socket: string, changes: readonly SlotChange[]): Promise<void> {
  const commands = changes.flatMap(commandsFor);
  for (let at = 0; at < commands.length; at += COMMANDS_PER_LINE) {
    const answer = await command(socket, commands.slice(at, at + COMMANDS_PER_LINE).join('; '));
    if (/no such|invalid|unknown|require/i.test(answer)) throw new Error(`HAProxy refuses a change: ${answer.trim()}`);
  }
}

/** In maintenance a place lets its requests end and keeps no idle connection, which would lead to who was there before. */
function commandsFor({ backend, index, server }: SlotChange): readonly string[] {
  const place = `${backend}/${serverName(index)}`;
  const away = `set server ${place} state maint`;
  if (server === undefined) return [away];
  const { address, port } = server;
  return [away, `set server ${place} addr ${address} port ${port}`, `set server ${place} state ready`];
}
