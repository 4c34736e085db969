/** Events on objects: the worker's or agent's real error, where `kubectl describe` shows it. */
import { createHash } from 'node:crypto';
import type { KubeClient } from './client.ts';
import { hasStatus } from './errors.ts';

/** The object that an Event is about. */
export interface ObjectReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  /** Absent for objects without a namespace, whose Events live in `default`. */
  readonly namespace?: string;
}

export interface EventReport {
  readonly object: ObjectReference;
  /** CamelCase, for machines: `AssignmentRefused`. */
  readonly reason: string;
  readonly message: string;
  readonly type: 'Normal' | 'Warning';
  /** The program that reports, and the replica or node it runs on. */
  readonly component?: string;
  readonly host?: string;
}

/** The API server refuses longer messages. */
const LONGEST_MESSAGE = 1024;

/**
 * Reports an Event. The same object, reason and message make one Event whose count grows, since its name is derived
 * from them. Throws what the API server refuses.
 */
export async function reportEvent(client: KubeClient, report: EventReport): Promise<void> {
  const event = eventFor(report, new Date().toISOString());
  const path = `/api/v1/namespaces/${event.metadata.namespace}/events`;
  try {
    await client.post(path, event);
  } catch (error) {
    if (!hasStatus(error, 409)) throw error;
    await countAgain(client, `${path}/${event.metadata.name}`);
  }
}

async function countAgain(client: KubeClient, path: string): Promise<void> {
  const lastTimestamp = new Date().toISOString();
  try {
    const seen = await client.get(path);
    if (seen === undefined) return; // It expired this moment; the next report makes it anew.
    await client.patch(path, { count: (typeof seen['count'] === 'number' ? seen['count'] : 1) + 1, lastTimestamp });
  } catch (error) {
    // Who may create and patch Events, but not read them, still says when it happened last.
    if (!hasStatus(error, 403)) throw error;
    await client.patch(path, { lastTimestamp });
  }
}

/** The Event object of a report made at `now` (RFC 3339). Pure. */
function eventFor(report: EventReport, now: string) {
  const { object, reason, type, component = 'opencontrail', host = '' } = report;
  const message = report.message.slice(0, LONGEST_MESSAGE);
  const digest = createHash('sha256').update([object.uid, reason, type, message].join('\n')).digest('hex').slice(0, 16);
  const namespace = object.namespace ?? 'default';
  return {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { namespace, name: `${object.name.slice(0, 200)}.${digest}` },
    involvedObject: { ...object, namespace: object.namespace ?? '' },
    reason,
    message,
    type,
    source: { component, host },
    reportingComponent: component,
    reportingInstance: host,
    firstTimestamp: now,
    lastTimestamp: now,
    count: 1,
  } as const;
}
