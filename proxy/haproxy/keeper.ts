/** Keeps HAProxy at a model: what a running one can be told is told, for anything else it is reloaded. */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { Logger } from '../../runtime/log.ts';
import { messageOf } from '../../runtime/errors.ts';
import type { ProxyModel } from '../model.ts';
import { configText, type Place, runtimeSocket } from './config.ts';
import { type Files, filesOf, removeOthers, writeFiles } from './files.ts';
import { hasDefault } from './maps.ts';
import { type Haproxy, startHaproxy } from './process.ts';
import { moveServers } from './runtime-api.ts';
import { assignSlots, slotChanges, type Slots } from './slots.ts';

/** What became of a model. */
export type Outcome = 'unchanged' | 'moved' | 'reloaded';

export interface Keeper {
  /** Makes HAProxy serve the model; resolves when it does. One at a time. Throws, and keeps the old one, where it cannot. */
  readonly serve: (model: ProxyModel) => Promise<Outcome>;
  readonly stop: () => Promise<void>;
}

interface Running {
  readonly haproxy: Haproxy;
  readonly slots: Slots;
  /** Stands for all that only a reload changes. */
  readonly structure: string;
}

/** Nothing is started before the first model. `onEnd` is called when HAProxy ends by itself. */
export function createKeeper(place: Place, deps: { readonly log: Logger; readonly onEnd: () => void }): Keeper {
  let running: Running | undefined;
  const socket = runtimeSocket(place);
  return {
    serve: async (model) => {
      const slots = assignSlots(model.backends, running?.slots ?? new Map());
      const files = filesOf(model, place.folder);
      const structure = structureOf({ model, slots, files }, place);
      const wanted = { model, slots, files, structure };
      if (running?.structure !== structure) {
        running = await reload(wanted, running, { place, ...deps });
        return 'reloaded';
      }
      const changes = slotChanges(running.slots, slots);
      if (changes.length === 0) return 'unchanged';
      try {
        await moveServers(socket, changes);
        await writeFiles(withConfig(wanted, place), place.folder);
        running = { ...running, slots };
        return 'moved';
      } catch (error) {
        deps.log.warn({ reason: messageOf(error) }, 'servers could not be moved, HAProxy is reloaded');
        running = await reload(wanted, running, { place, ...deps });
        return 'reloaded';
      }
    },
    stop: async () => await running?.haproxy.stop(),
  };
}

interface Wanted {
  readonly model: ProxyModel;
  readonly slots: Slots;
  readonly files: Files;
  readonly structure: string;
}

async function reload(
  wanted: Wanted,
  running: Running | undefined,
  { place, log, onEnd }: { readonly place: Place; readonly log: Logger; readonly onEnd: () => void },
): Promise<Running> {
  const { slots, structure, files } = wanted;
  await writeFiles(withConfig(wanted, place), place.folder);
  const haproxy = running?.haproxy ?? (await start(structure, place, { log, onEnd }));
  if (running !== undefined) await haproxy.reload(structure);
  await removeOthers(files, place.folder);
  return { haproxy, slots, structure };
}

async function start(
  generation: string,
  place: Place,
  { log, onEnd }: { readonly log: Logger; readonly onEnd: () => void },
): Promise<Haproxy> {
  const options = { configFile: configFile(place), socket: runtimeSocket(place), log };
  const haproxy = await startHaproxy(generation, options);
  void haproxy.ended.then(onEnd);
  return haproxy;
}

const configFile = ({ folder }: Place): string => join(folder, 'haproxy.cfg');

function withConfig({ model, slots, files, structure }: Wanted, place: Place): Files {
  const hasDefaultCertificate = hasDefault(model.certificates);
  return new Map([
    ...files,
    ['haproxy.cfg', configText({ model, slots, hasDefaultCertificate, generation: structure }, place)],
  ]);
}

/** A digest of every file as it would be with all places empty. */
function structureOf({ model, slots, files }: Omit<Wanted, 'structure'>, place: Place): string {
  const empty = new Map([...slots].map(([name, places]) => [name, places.map(() => undefined)]));
  const all = withConfig({ model, slots: empty, files, structure: '' }, place);
  return createHash('sha256')
    .update(JSON.stringify([...all]))
    .digest('hex')
    .slice(0, 16);
}
