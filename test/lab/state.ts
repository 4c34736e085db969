/** The lab's own notes about itself: how many nodes, which port, which underlay. */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { controlNode } from './names.ts';
import { labDir } from './paths.ts';
import type { Stack } from './stack.ts';

/** Written before the first machine starts; without it there is no lab. */
export interface LabState {
  /** Those that take ordinary pods. */
  readonly nodes: readonly string[];
  /** Whether the control plane's machine is a node, too. */
  readonly hasControlNode: boolean;
  /** On 127.0.0.1 of the machine. */
  readonly apiPort: number;
  /** Of the underlay; pods have 50 less. */
  readonly mtuBytes: number;
  readonly stack: Stack;
  /** The kernel's name for the time since the machine started; a lab does not outlive it. */
  readonly bootId: string;
}

/** What notes of older checkouts do not say. */
type Newer = Pick<LabState, 'stack' | 'hasControlNode'>;

/** All machines with a kubelet. */
export function kubeletsOf({ nodes, hasControlNode }: Pick<LabState, 'nodes' | 'hasControlNode'>): readonly string[] {
  return hasControlNode ? [...nodes, controlNode] : nodes;
}

/** What `up` wrote; `undefined` when there is no lab, or one whose start got no further than making its folder. */
export function readState(): LabState | undefined {
  try {
    const notes = JSON.parse(readFileSync(join(labDir, 'state.json'), 'utf8')) as LabState & Partial<Newer>;
    return { ...notes, stack: notes.stack ?? 'ipv4', hasControlNode: notes.hasControlNode ?? false };
  } catch {
    return undefined; // Absent, or the checkout was never used: both mean that no lab is up.
  }
}

/** What `bootId` is now. */
export function currentBootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
}

/** Replaces the notes, whole or not at all. */
export function writeState(state: LabState): void {
  mkdirSync(labDir, { recursive: true });
  writeFileSync(join(labDir, 'state.json.new'), `${JSON.stringify(state, undefined, 2)}\n`);
  renameSync(join(labDir, 'state.json.new'), join(labDir, 'state.json'));
}
