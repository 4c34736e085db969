/** Writes the statuses of the Gateway API's objects. Each replica writes the same, so nobody is elected. */
import { isDeepStrictEqual } from 'node:util';
import type { KubeClient } from '../../kubernetes/client.ts';
import { hasStatus } from '../../kubernetes/errors.ts';
import { type GatewayObject, gatewayResources } from '../../kubernetes/gateway.ts';
import { messageOf } from '../../runtime/errors.ts';
import type { Logger } from '../../runtime/log.ts';
import type { Status } from './statuses.ts';

/** An object of the Gateway API whose status is to be this. */
export interface Told {
  /** `gateways`. */
  readonly plural: string;
  readonly object: GatewayObject & { readonly status: unknown };
  readonly status: Status;
}

/** Writes what is not so yet. A refusal is logged, and tried again in the next round. */
export async function tell(
  all: readonly Told[],
  { kube, log, now }: { readonly kube: KubeClient; readonly log: Logger; readonly now: () => Date },
): Promise<void> {
  for (const { plural, object, status } of all) {
    if (isDeepStrictEqual(comparable(object.status, status), plain(status))) continue;
    const { namespace, name, resourceVersion } = object;
    const place = namespace === '' ? '' : `/namespaces/${namespace}`;
    const collection = gatewayResources(plural).replace(/\/([^/]+)$/, `${place}/$1`);
    try {
      // Written for what has been seen, or not at all: another controller may write into the same list.
      const body = { metadata: { resourceVersion }, status: dated(status, object.status, now().toISOString()) };
      await kube.patch(`${collection}/${name}/status`, body);
    } catch (error) {
      if (hasStatus(error, 404) || hasStatus(error, 409)) continue;
      log.warn({ plural, namespace, name, reason: messageOf(error) }, 'cannot write a status');
    }
  }
}

/** What the object's status says of the fields that are to be written, without times. */
function comparable(present: unknown, wanted: Status): unknown {
  const known = (present ?? {}) as Readonly<Record<string, unknown>>;
  return plain(Object.fromEntries(Object.keys(wanted).map((key) => [key, known[key] ?? []])));
}

/** Without the times of conditions, and as JSON has it. */
function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value, (key, inner: unknown) => (key === 'lastTransitionTime' ? undefined : inner)));
}

/** Every condition with the time since which it has been so. */
function dated(status: unknown, present: unknown, now: string): unknown {
  if (Array.isArray(status)) {
    return status.map((each: unknown) => dated(each, counterpart(each, present), now));
  }
  if (typeof status !== 'object' || status === null) return status;
  const fields = status as Readonly<Record<string, unknown>>;
  const before = (present ?? {}) as Readonly<Record<string, unknown>>;
  const inner = Object.fromEntries(Object.entries(fields).map(([key, each]) => [key, dated(each, before[key], now)]));
  if (fields['observedGeneration'] === undefined || fields['type'] === undefined) return inner;
  const isSame = before['status'] === fields['status'] && before['lastTransitionTime'] !== undefined;
  return {
    ...inner,
    lastTransitionTime: isSame ? before['lastTransitionTime'] : (fields['lastTransitionTime'] ?? now),
  };
}

/** The entry of a list that says the same thing's past: of the same type, name or parent. */
function counterpart(each: unknown, list: unknown): unknown {
  if (!Array.isArray(list)) return undefined;
  return list.find((other: unknown) => isDeepStrictEqual(identity(other), identity(each)));
}

function identity(value: unknown): readonly unknown[] {
  const { type, name, parentRef } = value as { type?: unknown; name?: unknown; parentRef?: unknown };
  return [type, name, parentRef];
}
