/**
 * What a node does besides forwarding: health-check ports, back ends asked for their health, addresses that it answers for and Leases of
 * those of routers, copies of traffic.
 */
import type { Lifecycle } from '../runtime/lifecycle.ts';
import type { Logger } from '../runtime/log.ts';
import { createAnnouncer } from './announce/announcer.ts';
import { createMirrors } from './apply/mirrors.ts';
import { runHere } from './apply/run.ts';
import type { Engine } from './engine.ts';
import { ask } from './health/ask.ts';
import { type CheckResult, createHealthChecker } from './health/checker.ts';
import { createHealthPorts } from './health-ports.ts';
import { leaseRouters } from './leases/leased-routers.ts';
import { mirrorDocument } from './linux/mirrors.ts';
import type { Bindings, ForwardingState } from './model.ts';
import type { VrouterSettings } from './settings.ts';

interface Beside {
  /** To be called with what stands in the kernel. */
  readonly onApplied: (state: ForwardingState, standing: Bindings) => void;
  readonly readHealth: () => readonly CheckResult[];
  /**
   * Resolves when it is known for which routers this node translates, where Leases say so: it goes on with what it translated before it
   * was restarted. The API server is waited for three seconds.
   */
  readonly whenKnown: () => Promise<void>;
}

interface BesideDeps {
  readonly log: Logger;
  readonly lifecycle: Lifecycle;
  /** Told who is dead or not well; asked for only after the first state. */
  readonly engine: () => Pick<Engine, 'setDead' | 'setUnhealthy' | 'setTenants'>;
}

/** Everything ends with the program; addresses that it answers for stay. */
export function serveBeside(settings: VrouterSettings, { log, lifecycle, engine }: BesideDeps): Beside {
  const { vxlanDevice: device, heartbeatPort: port, mirrorPort: udpPort } = settings;
  let here: readonly string[] = [];
  let elsewhere: readonly string[] = [];
  const leaveOut = (): void => engine().setUnhealthy([...here, ...elsewhere]);
  const healthPorts = createHealthPorts(log);
  const announcer = createAnnouncer({
    run: runHere,
    device,
    port,
    log,
    onDead: (nodes) => engine().setDead(nodes),
    onUnwell: (subjects) => {
      elsewhere = subjects;
      leaveOut();
    },
  });
  const checker = createHealthChecker({
    ask,
    log,
    onChange: (subjects, isWhole) => {
      here = subjects;
      leaveOut();
      // Until then others go by what this node's predecessor has told them.
      if (isWhole) announcer.tellUnwell(subjects);
    },
  });
  const routers = leaseRouters(settings, {
    silence: announcer.silence,
    presence: announcer.presence,
    onChange: (tenants) => engine().setTenants(tenants),
    lifecycle,
    log,
  });
  const mirrors = createMirrors({ run: runHere, log });
  lifecycle.onClose('health-check ports', healthPorts.close);
  lifecycle.onClose('health checks', checker.close);
  lifecycle.onClose('announcer', announcer.close);
  lifecycle.onClose('mirrors', mirrors.close);
  return {
    onApplied: (state, standing) => {
      healthPorts.set(state.healthPorts);
      announcer.set(state);
      routers?.set(state);
      checker.set(state.healthChecks);
      mirrors.set(mirrorDocument(state.mirrors, { bindings: standing, udpPort }));
    },
    readHealth: checker.results,
    whenKnown: async () => await routers?.whenKnown(),
  };
}
