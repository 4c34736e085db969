/** A node's machine: containerd and the kubelet. */
import { cpSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { machineDir } from './machine.ts';
import type { MachineSpec } from './machine.ts';
import { address6Of, controlNode, dnsDomain, labPrefix } from './names.ts';
import { binariesDir, binary } from './paths.ts';
import { pkiPath } from './pki.ts';
import { addressesOf, type Stack, underlayAddress } from './stack.ts';

/** Where the runtime listens, inside the node. */
export const containerdSocket = '/run/containerd/containerd.sock';

/** The image every pod's sandbox runs; it is loaded before the first pod. */
export const sandboxImage = 'docker.io/library/busybox:lab';

/** Ordinary pods are not for the control plane. */
const CONTROL_PLANE = { key: 'node-role.kubernetes.io/control-plane', effect: 'NoSchedule' };

/** Writes a node's configuration and returns its machine. `diskFrom` holds the images that it has from the start. */
export function node(
  name: string,
  { diskFrom, stack }: { readonly diskFrom: string | undefined; readonly stack: Stack },
): MachineSpec {
  const runtime = runtimeOnly(name, stack);
  writeFileSync(join(machineDir(name), 'kubelet.yaml'), stringify(kubeletConfig(name, stack)));
  copyReferencePlugins(join(machineDir(name), 'cni-bin'));
  const command = ['env', path(), binary('kubelet'), ...kubeletFlags(name, stack)];
  return {
    ...runtime,
    ...(name === controlNode ? { networkOf: 'cp' } : {}),
    ...(diskFrom === undefined ? {} : { diskFrom }),
    programs: [...runtime.programs, { name: 'kubelet', after: containerdSocket, command }],
  };
}

/** The same with the container runtime alone. */
export function runtimeOnly(name: string, stack: Stack = 'ipv4'): MachineSpec {
  const dir = machineDir(name);
  mkdirSync(dir, { recursive: true });
  writeFileSync(join(dir, 'containerd.toml'), containerdConfig());
  writeFileSync(join(dir, 'resolv.conf'), `nameserver ${underlayAddress('cp', stack)}\noptions timeout:1 attempts:1\n`);
  const command = ['env', path(), binary('containerd'), '--config', join(dir, 'containerd.toml')];
  return { name, kind: 'node', programs: [{ name: 'containerd', command }] };
}

function path(): string {
  return `PATH=${binariesDir()}/bin:/usr/sbin:/usr/bin:/sbin:/bin`;
}

/** Plugins other networks' configurations chain (portmap, …) and that the benches compare with: Debian's. */
function copyReferencePlugins(to: string): void {
  if (existsSync(join(to, 'loopback'))) return;
  mkdirSync(to, { recursive: true });
  for (const plugin of ['bandwidth', 'bridge', 'host-local', 'portmap', 'ptp', 'tuning', 'loopback']) {
    cpSync(join('/usr/lib/cni', plugin), join(to, plugin));
  }
}

function kubeletFlags(name: string, stack: Stack): readonly string[] {
  return [
    `--config=${join(machineDir(name), 'kubelet.yaml')}`,
    `--kubeconfig=${pkiPath(`${name}.kubeconfig`)}`,
    `--hostname-override=${name}`,
    `--node-ip=${[underlayAddress(name, stack), ...(stack === 'dual' ? [address6Of(name)] : [])].join()}`,
  ];
}

function kubeletConfig(name: string, stack: Stack): object {
  return {
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    address: underlayAddress(name, stack),
    authentication: {
      anonymous: { enabled: false },
      webhook: { enabled: true },
      x509: { clientCAFile: pkiPath('ca.crt') },
    },
    authorization: { mode: 'Webhook' },
    cgroupDriver: 'cgroupfs',
    cgroupRoot: `/${labPrefix}${name}`,
    failCgroupV1: false,
    failSwapOn: false,
    clusterDNS: [addressesOf(stack).dns],
    clusterDomain: dnsDomain,
    containerRuntimeEndpoint: `unix://${containerdSocket}`,
    resolvConf: join(machineDir(name), 'resolv.conf'),
    // The disk is the machine's, and how full it is says nothing about the lab.
    evictionHard: { 'nodefs.available': '0%', 'imagefs.available': '0%', 'nodefs.inodesFree': '0%' },
    imageGCHighThresholdPercent: 100,
    imagePullCredentialsVerificationPolicy: 'NeverVerify',
    // The random run has five hundred pods on two nodes, and not the same number on each.
    maxPods: 400,
    serializeImagePulls: false,
    registryPullQPS: 0,
    eventRecordQPS: 0,
    kubeAPIQPS: 100,
    kubeAPIBurst: 200,
    ...(name === controlNode ? { registerWithTaints: [CONTROL_PLANE] } : {}),
    // One lab serves many short tests: a gone node or a changed Secret is noticed soon.
    nodeStatusUpdateFrequency: '5s',
    shutdownGracePeriod: '0s',
  };
}

function containerdConfig(): string {
  return `version = 3
root = "/var/lib/containerd"
state = "/run/containerd"
oom_score = 0
disabled_plugins = ["io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.blockfile", "io.containerd.snapshotter.v1.devmapper", "io.containerd.tracing.processor.v1.otlp"]

[grpc]
address = "${containerdSocket}"

# Root without CAP_SYS_RESOURCE may not lower a process's OOM score.
[plugins."io.containerd.cri.v1.runtime"]
restrict_oom_score_adj = true

[plugins."io.containerd.cri.v1.runtime".cni]
bin_dirs = ["/opt/cni/bin"]
conf_dir = "/etc/cni/net.d"

[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"

[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc.options]
SystemdCgroup = false

[plugins."io.containerd.cri.v1.images".pinned_images]
sandbox = "${sandboxImage}"
`;
}
