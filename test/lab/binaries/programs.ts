/** Which programs the lab runs, from which Go modules, and how each is built. */

/** A Go module of its own in the cache; programs of one module share a dependency graph, so they must agree on it. */
export interface GoModule {
  readonly name: string;
  /** Module path and version, as in `go.mod`. */
  readonly module: string;
  readonly version: string;
  readonly cgo?: boolean;
  readonly tags?: string;
  /** Go programs are stripped always; `-X` settings come here. */
  readonly ldflags?: string;
  readonly programs: readonly GoProgram[];
}

/** One executable: its file name, the package that holds it, and what a cold build took on two cores. */
export interface GoProgram {
  readonly name: string;
  readonly package: string;
  readonly seconds: number;
  /** Built only when asked for by name. */
  readonly lazy?: boolean;
}

/**
 * All modules for one Kubernetes version (`v1.36.3`), in building order: the most parallel and most needed first.
 * Pure. Kubernetes' own staging modules carry the same minor version under `v0`.
 */
export function goModules(kubernetesVersion: string): readonly GoModule[] {
  return [
    {
      name: 'kubernetes',
      module: 'k8s.io/kubernetes',
      version: kubernetesVersion,
      ldflags: `-X k8s.io/component-base/version.gitVersion=${kubernetesVersion}`,
      programs: [
        { name: 'kube-apiserver', package: 'k8s.io/kubernetes/cmd/kube-apiserver', seconds: 165 },
        { name: 'kube-controller-manager', package: 'k8s.io/kubernetes/cmd/kube-controller-manager', seconds: 43 },
        { name: 'kube-scheduler', package: 'k8s.io/kubernetes/cmd/kube-scheduler', seconds: 6 },
        { name: 'kubelet', package: 'k8s.io/kubernetes/cmd/kubelet', seconds: 15 },
        { name: 'kubectl', package: 'k8s.io/kubernetes/cmd/kubectl', seconds: 15 },
        { name: 'agnhost', package: 'k8s.io/kubernetes/test/images/agnhost', seconds: 5 },
        { name: 'kube-proxy', package: 'k8s.io/kubernetes/cmd/kube-proxy', seconds: 130, lazy: true },
      ],
    },
    {
      name: 'etcd',
      module: 'go.etcd.io/etcd/server/v3',
      version: 'v3.6.16',
      programs: [{ name: 'etcd', package: 'go.etcd.io/etcd/server/v3', seconds: 18 }],
    },
    {
      name: 'containerd',
      module: 'github.com/containerd/containerd/v2',
      version: 'v2.3.7',
      ldflags: '-X github.com/containerd/containerd/v2/version.Version=v2.3.7',
      programs: [
        { name: 'containerd', package: 'github.com/containerd/containerd/v2/cmd/containerd', seconds: 31 },
        {
          name: 'containerd-shim-runc-v2',
          package: 'github.com/containerd/containerd/v2/cmd/containerd-shim-runc-v2',
          seconds: 3,
        },
        { name: 'ctr', package: 'github.com/containerd/containerd/v2/cmd/ctr', seconds: 3 },
      ],
    },
    {
      name: 'runc',
      module: 'github.com/opencontainers/runc',
      version: 'v1.5.2',
      cgo: true,
      tags: 'seccomp',
      ldflags: '-X main.version=1.5.2',
      programs: [{ name: 'runc', package: 'github.com/opencontainers/runc', seconds: 8 }],
    },
    {
      name: 'helm',
      module: 'helm.sh/helm/v3',
      version: 'v3.22.0',
      programs: [{ name: 'helm', package: 'helm.sh/helm/v3/cmd/helm', seconds: 41 }],
    },
    {
      name: 'coredns',
      module: 'github.com/coredns/coredns',
      version: 'v1.15.0',
      programs: [{ name: 'coredns', package: 'github.com/coredns/coredns', seconds: 73 }],
    },
  ];
}
