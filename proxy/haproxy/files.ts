/** HAProxy's files: written beside their names and renamed, so that a reload never reads half of one. */
import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { HttpRouting, ProxyModel } from '../model.ts';
import { hostsFile, listFile } from './entrances.ts';
import { certificateFile, certificateList, mapText } from './maps.ts';

/** A file's text by its name in the folder. */
export type Files = ReadonlyMap<string, string>;

const CERTIFICATES = 'certificates';

/** All files but the configuration itself. Pure. */
export function filesOf({ paths, certificates, entrances }: ProxyModel, folder: string): Files {
  const http = entrances.flatMap((entrance) => {
    const served = entrance.kind === 'tls' ? entrance.http : entrance.kind === 'http' ? entrance : undefined;
    return served === undefined ? [] : [{ entrance, routing: served.routing }];
  });
  const lists = entrances.flatMap((entrance) =>
    entrance.kind === 'tls' && entrance.http !== undefined ? [{ entrance, ...entrance.http }] : [],
  );
  const pems = [...certificates, ...lists.flatMap((list) => list.certificates)];
  return new Map([
    ['exact.map', mapText(paths.exact)],
    ['prefixes.map', mapText(paths.prefixes)],
    ['routes-exact.map', http.map(({ routing }) => mapText(routing.paths.exact)).join('')],
    ['routes-prefixes.map', http.map(({ routing }) => mapText(routing.paths.prefixes)).join('')],
    ...http.map(({ entrance, routing }) => [hostsFile(entrance), mapText(wholeNames(routing))] as const),
    ['certificates.list', certificateList(certificates, join(folder, CERTIFICATES))],
    ...lists.map((list) => {
      return [listFile(list.entrance), certificateList(list.certificates, join(folder, CERTIFICATES))] as const;
    }),
    ...pems.map((each) => [join(CERTIFICATES, certificateFile(each)), each.pem] as const),
  ]);
}

function wholeNames({ hosts }: HttpRouting): ReadonlyMap<string, string> {
  const whole = hosts.filter(({ host }) => host !== '' && !host.startsWith('*'));
  return new Map(whole.map(({ host, group }) => [host, group]));
}

/** Writes files; what is of another time stays until `removeOthers`. Only this user may read them: some hold keys. */
export async function writeFiles(files: Files, folder: string): Promise<void> {
  await mkdir(join(folder, CERTIFICATES), { recursive: true, mode: 0o700 });
  for (const [name, text] of files) {
    const file = join(folder, name);
    await writeFile(`${file}.new`, text, { mode: 0o600 });
    await rename(`${file}.new`, file);
  }
}

/** Removes certificates that are no longer among the files. */
export async function removeOthers(files: Files, folder: string): Promise<void> {
  for (const name of await readdir(join(folder, CERTIFICATES))) {
    if (!files.has(join(CERTIFICATES, name))) await rm(join(folder, CERTIFICATES, name), { force: true });
  }
}
