/** The control plane's machine: etcd, API server, controller manager, scheduler. */
import { join } from 'node:path';
import { machineDir } from './machine.ts';
import type { MachineSpec, Program } from './machine.ts';
import { dnsDomain } from './names.ts';
import { binary } from './paths.ts';
import { pkiPath } from './pki.ts';
import { addressesOf, type Stack, underlayAddress } from './stack.ts';

/** The unix socket through which 127.0.0.1 of the real machine reaches the API server; relative to the lab's folder. */
export const apiSocket = 'api.sock';

/** The machine `cp`. */
export function controlPlane(stack: Stack): MachineSpec {
  return { name: 'cp', kind: 'plain', programs: [etcd(), apiServer(stack), controllerManager(stack), scheduler()] };
}

function etcd(): Program {
  const flags = ['--data-dir', join(machineDir('cp'), 'etcd'), '--unsafe-no-fsync', '--name', 'lab'];
  return { name: 'etcd', command: [binary('etcd'), ...flags] };
}

function apiServer(stack: Stack): Program {
  return {
    name: 'kube-apiserver',
    command: [
      binary('kube-apiserver'),
      '--etcd-servers=http://127.0.0.1:2379',
      `--advertise-address=${underlayAddress('cp', stack)}`,
      '--secure-port=6443',
      '--allow-privileged',
      '--authorization-mode=Node,RBAC',
      '--enable-admission-plugins=NodeRestriction',
      // Without it, exec and logs look the node's name up in DNS.
      '--kubelet-preferred-address-types=InternalIP',
      `--kubelet-client-certificate=${pkiPath('apiserver-kubelet.crt')}`,
      `--kubelet-client-key=${pkiPath('apiserver-kubelet.key')}`,
      `--client-ca-file=${pkiPath('ca.crt')}`,
      `--tls-cert-file=${pkiPath('apiserver.crt')}`,
      `--tls-private-key-file=${pkiPath('apiserver.key')}`,
      `--service-account-key-file=${pkiPath('service-account.key')}`,
      `--service-account-signing-key-file=${pkiPath('service-account.key')}`,
      `--service-account-issuer=https://kubernetes.default.svc.${dnsDomain}`,
      `--service-cluster-ip-range=${addressesOf(stack).serviceCidrs.join()}`,
      // No vRouter runs on the control plane: webhooks are called at their endpoints, not at a ClusterIP.
      '--enable-aggregator-routing=true',
    ],
  };
}

function controllerManager(stack: Stack): Program {
  return {
    name: 'kube-controller-manager',
    command: [
      binary('kube-controller-manager'),
      `--kubeconfig=${pkiPath('controller-manager.kubeconfig')}`,
      '--use-service-account-credentials',
      `--service-account-private-key-file=${pkiPath('service-account.key')}`,
      `--root-ca-file=${pkiPath('ca.crt')}`,
      `--cluster-cidr=${addressesOf(stack).podCidrs.join()}`,
      // Addresses are the workers' to give, not a block per node.
      '--allocate-node-cidrs=false',
      '--leader-elect=false',
    ],
  };
}

function scheduler(): Program {
  const flags = [`--kubeconfig=${pkiPath('scheduler.kubeconfig')}`, '--leader-elect=false'];
  return { name: 'kube-scheduler', command: [binary('kube-scheduler'), ...flags] };
}
