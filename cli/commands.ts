/** The commands there are. */
import { capture } from './capture/command.ts';
import type { Command } from './command.ts';
import { drops } from './drops/command.ts';
import { hits } from './hits/command.ts';
import { ipamCheck } from './ipam/command.ts';
import { queueList, queueRetry } from './queue/commands.ts';
import { why } from './why/command.ts';

export const COMMANDS: readonly Command[] = [ipamCheck, queueRetry, queueList, why, drops, hits, capture];
