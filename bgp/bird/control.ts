/** Commands on BIRD's control socket, which is what `birdc` speaks. */
import { createConnection } from 'node:net';

const TIMEOUT_MS = 10_000;

/**
 * What BIRD says to a command, without the numbers at the beginnings of lines. Throws what it refuses (8000 and above). The greeting
 * and each answer end with a line whose number is followed by a space.
 */
export async function command(socket: string, text: string): Promise<string> {
  const connection = createConnection(socket);
  connection.setTimeout(TIMEOUT_MS, () => connection.destroy(new Error(`BIRD does not answer to ${text}`)));
  connection.setEncoding('utf8');
  let said = '';
  let isGreeted = false;
  try {
    for await (const chunk of connection) {
      said += String(chunk);
      const end = /^(\d{4}) (.*)\n/m.exec(said);
      if (end === null) continue;
      if (!isGreeted) {
        isGreeted = true;
        said = said.slice(end.index + end[0].length);
        connection.write(`${text}\n`);
        continue;
      }
      if (Number(end[1]) >= 8000) throw new Error(end[2]);
      return said.replaceAll(/^(?:\d{4}[- ]| )/gm, '');
    }
  } finally {
    connection.destroy();
  }
  throw new Error(`BIRD has closed its socket at ${text}`);
}
