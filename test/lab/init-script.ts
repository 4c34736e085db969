/** The first process of a machine, as a shell script: mounts, then programs. Pure. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { labPrefix } from './names.ts';
import { cacheDir, labDir } from './paths.ts';
import type { MachineSpec, Program } from './machine.ts';

/** Host paths that are each node's own and hold too much for memory: folders of the node's disk. */
const onDisk: Readonly<Record<string, string>> = {
  '/var/lib/containerd': 'containerd',
  '/var/lib/kubelet': 'kubelet',
  '/var/lib/opencontrail': 'opencontrail',
  '/var/log': 'log',
};

/** Host paths that can be looked into, and filled, from the machine as well: folders of the lab. */
const inTheLab: Readonly<Record<string, string>> = { '/opt/cni/bin': 'cni-bin', '/etc/cni/net.d': 'cni-conf' };

/** cgroup v1 controllers that runc and the kubelet want, each mounted as the machine mounts it. */
const controllers = ['cpu', 'cpuacct', 'cpuset', 'memory', 'devices', 'freezer', 'blkio', 'pids'];

/** A node's weight against single threads of the machine (1024 each): it stands for a computer. */
const NODE_SHARES = 8192;

/** A plain machine weighs about as much. Its processes are a group of the scheduler's as a session, where the kernel has such. */
const OWN_WEIGHT = '[ ! -w /proc/self/autogroup ] || echo -10 > /proc/self/autogroup';

/** The script. It is run by bash as PID 1 of its namespaces, in the machine's network namespace. */
export function initScript(spec: MachineSpec): string {
  const dir = join(labDir, 'machines', spec.name);
  return [
    '#!/bin/bash',
    'set -eu',
    `dir='${dir}'`,
    // Folders of ours that the mounts below may hide, when the checkout lies under one of them.
    `exec 8<'${labDir}' 9<'${cacheDir}'`,
    'mount --make-rprivate /',
    'mount --make-rshared /',
    'mount -t proc proc /proc',
    'mount -t sysfs sysfs /sys',
    `hostname '${spec.name}'`,
    'mount -t tmpfs -o mode=755 tmpfs /run',
    'mkdir -p /run/lock /run/lab',
    ...(spec.kind === 'node' ? [...overlays(), ...cgroups(spec.name), ...disks(spec.diskFrom)] : [OWN_WEIGHT]),
    ...rebind(labDir, 8),
    ...rebind(cacheDir, 9),
    'exec 8<&- 9<&-',
    supervise,
    ...spec.programs.map(startLine),
    'touch "$dir/ready"',
    // bash reaps whatever orphans come to PID 1; the loop is for a machine without programs.
    'while :; do wait; sleep 1000 & done',
    '',
  ].join('\n');
}

/** What is written to these folders stays in the machine's memory: the real ones are not touched, and remain readable. */
function overlays(): readonly string[] {
  return ['etc', 'opt', 'var/lib']
    .flatMap((path) => [
      `mkdir -p /run/lab/${path}/upper /run/lab/${path}/work`,
      `mount -t overlay overlay -o lowerdir=/${path},upperdir=/run/lab/${path}/upper,workdir=/run/lab/${path}/work /${path}`,
    ])
    .concat([
      'rm -rf /etc/cni /opt/cni /etc/kubernetes',
      `rm -f /etc/resolv.conf; cp "$dir/resolv.conf" /etc/resolv.conf`,
      `echo '127.0.0.1 localhost' > /etc/hosts`,
    ]);
}

/**
 * A disk per node: a sparse file with a filesystem of its own, without a journal. The machine's own ext4 avoids the
 * inodes that it freed in the last minute, which made loading images after a `down` three times as slow. Without loop
 * devices the folder that it would be mounted on serves.
 */
function disks(from: string | undefined): readonly string[] {
  return [
    'if [ ! -e "$dir/disk.img" ]; then',
    ...(from === undefined
      ? [
          '  truncate -s 40G "$dir/disk.new"',
          '  mkfs.ext4 -q -m 0 -O ^has_journal -E lazy_itable_init=1,nodiscard "$dir/disk.new"',
        ]
      : [`  cp --sparse=always '${from}' "$dir/disk.new"`]),
    '  mv "$dir/disk.new" "$dir/disk.img"',
    'fi',
    'mkdir -p "$dir/disk"',
    'mount -o loop,noatime "$dir/disk.img" "$dir/disk" || echo "no loop device: the disk is a folder"',
    ...Object.entries(onDisk).flatMap(([path, name]) => bind(`disk/${name}`, path)),
    ...Object.entries(inTheLab).flatMap(([path, name]) => bind(name, path)),
  ];
}

function bind(folder: string, path: string): readonly string[] {
  return [`mkdir -p "$dir/${folder}" ${path}`, `mount --bind "$dir/${folder}" ${path}`];
}

/** The fresh /sys has no cgroups. Each node has a folder of its own in every hierarchy, which the kubelet's pods go under. */
function cgroups(name: string): readonly string[] {
  const folder = `${labPrefix}${name}`;
  if (existsSync('/sys/fs/cgroup/cgroup.controllers')) return unifiedCgroups(folder);
  return [
    'mount -t tmpfs -o mode=755 tmpfs /sys/fs/cgroup',
    `for c in ${controllers.join(' ')}; do mkdir /sys/fs/cgroup/$c; mount -t cgroup -o $c cgroup /sys/fs/cgroup/$c; mkdir -p /sys/fs/cgroup/$c/${folder}; done`,
    'mkdir /sys/fs/cgroup/systemd; mount -t cgroup -o none,name=systemd cgroup /sys/fs/cgroup/systemd',
    `mkdir -p /sys/fs/cgroup/systemd/${folder}`,
    `for f in cpuset.cpus cpuset.mems; do cat /sys/fs/cgroup/cpuset/$f > /sys/fs/cgroup/cpuset/${folder}/$f; done`,
    `echo ${NODE_SHARES} > /sys/fs/cgroup/cpu/${folder}/cpu.shares`,
    // Where systemd has its own: beside the pods, which would otherwise compete with every single thread of the kubelet.
    `mkdir -p /sys/fs/cgroup/cpu/${folder}/system; echo $$ > /sys/fs/cgroup/cpu/${folder}/system/cgroup.procs`,
  ];
}

function unifiedCgroups(folder: string): readonly string[] {
  return [
    'mount -t cgroup2 cgroup2 /sys/fs/cgroup',
    `mkdir -p /sys/fs/cgroup/${folder}`,
    'for c in cpu cpuset memory pids io; do echo +$c > /sys/fs/cgroup/cgroup.subtree_control || true; done',
  ];
}

/** Shows a folder at its own path again, whatever was mounted over it since the descriptor was opened. */
function rebind(path: string, descriptor: number): readonly string[] {
  return [`mkdir -p '${path}'`, `mount --no-canonicalize --bind /proc/self/fd/${descriptor} '${path}'`];
}

const supervise = `supervise() {
  local name=$1 after=$2; shift 2
  ( set +e
    while :; do
      until [ -z "$after" ] || [ -e "$after" ]; do sleep 0.05; done
      "$@" >> "$dir/log/$name.log" 2>&1 < /dev/null
      echo "lab: $name ended with $?, starting it again" >> "$dir/log/$name.log"
      sleep 1
    done ) &
}`;

function startLine(program: Program): string {
  return ['supervise', program.name, quote(program.after ?? ''), ...program.command.map(quote)].join(' ');
}

function quote(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}
