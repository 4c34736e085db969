/** The grammar of annotation values: text in, a typed value or what is wrong with the text out. Pure. */
import { isIP, isIPv4 } from 'node:net';
import ipaddr from 'ipaddr.js';
import { z } from 'zod';
import { cidrsOverlap } from '../runtime/cidr.ts';
import { literalValue } from './literal.ts';

/** What a text means, or why it means nothing and what to write instead. */
export type Parsed<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly problem: string; readonly mend: string };

export type Parser<T> = (text: string) => Parsed<T>;

/** A network that a user names: `{domain, project, name}`, or a VirtualNetwork of this or another namespace. */
export type NetworkReference = z.infer<typeof NetworkReferenceSchema> | VirtualNetworkReference;
/** A VirtualNetwork resource; without a namespace it is one of the namespace in which it is named. */
export interface VirtualNetworkReference {
  readonly namespace?: string;
  readonly name: string;
}
/** A floating-IP pool that a user names: a FloatingIPPool, or `{domain, project, network, name}`. */
export type PoolReference = z.infer<typeof PoolReferenceSchema> | { readonly name: string };
/** One further interface of a pod, in the CNCF form. */
export type NetworkSelection = z.infer<typeof NetworkSelectionSchema>;

const filled = z.string().min(1);
const NetworkReferenceSchema = z.object({ domain: filled, project: filled, name: filled }).readonly();
const PoolReferenceSchema = z.object({ domain: filled, project: filled, network: filled, name: filled }).readonly();

/**
 * A link's name: what the kernel takes (`dev_valid_name`; a `%` is a pattern to it), and `ip`, which reads it from a line of a batch
 * that other pods' lines stand in, too.
 */
const interfaceName = z
  .string()
  .regex(
    /^[A-Za-z0-9_][-\w.]{0,14}$/,
    'an interface name has 1 to 15 letters, digits, "-", "_" and ".", the first no "-" or "."',
  )
  .refine((name) => !KERNELS.has(name), 'the kernel itself has an interface, or settings, of that name');
const objectName = z
  .string()
  .regex(/^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/, 'a name is lower-case letters, digits, "-" and "."');
const macForm = z
  .string()
  .regex(/^[0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){5}$/, 'a MAC address is six pairs of hexadecimal digits');
const mac = macForm
  .refine((text) => !isGroupMac(text), 'a group address is no interface’s own')
  .refine((text) => !isZeroMac(text), 'the address of zeros is nobody’s');
const address = z.string().refine((text) => isIP(text) !== 0, 'not an IP address');
const addressOrPrefix = z
  .string()
  .refine((text) => isPrefix(text) || isIP(text) !== 0, 'not an IP address, nor one with a prefix length');
const PodReferenceSchema = z.object({ namespace: objectName, name: objectName }).readonly();
/** The loopback's, and what settings in /proc/sys/net are called that are of no one interface. */
const KERNELS: ReadonlySet<string> = new Set(['lo', 'all', 'default']);
/** Keys that are not known are ignored: the CNCF form grows. */
const NetworkSelectionSchema = z
  .object({
    name: objectName,
    namespace: objectName.optional(),
    interface: interfaceName.optional(),
    ips: z.array(addressOrPrefix).optional(),
    mac: mac.optional(),
    'default-route': z.array(address).optional(),
  })
  .readonly();

/** `true` or `false` in any case. */
export const parseSwitch: Parser<boolean> = (text) => {
  const word = text.trim().toLowerCase();
  if (word === 'true' || word === 'false') return { ok: true, value: word === 'true' };
  return { ok: false, problem: 'is neither true nor false', mend: 'write "true" or "false"' };
};

/** `true`, `false` or `app`, in any case. */
export const parseIsolation: Parser<'true' | 'false' | 'app'> = (text) => {
  const word = text.trim().toLowerCase();
  if (word === 'true' || word === 'false' || word === 'app') return { ok: true, value: word };
  return {
    ok: false,
    problem: 'is none of true, false and app',
    mend: 'write "true" to isolate the namespace, "app" to isolate each app in it, "false" not to',
  };
};

/** `name` or `namespace/name` of a VirtualNetwork, or a fully qualified name as JSON or a Python literal. */
export const parseNetwork: Parser<NetworkReference> = (text) => {
  const short = SHORT_NETWORK.exec(text.trim());
  if (short?.[2] !== undefined) {
    return { ok: true, value: { ...(short[1] === undefined ? {} : { namespace: short[1] }), name: short[2] } };
  }
  const form =
    'the name of a VirtualNetwork, "namespace/name", or {"domain": "default-domain", "project": "…", "name": "…"}';
  return structured(text, NetworkReferenceSchema, form);
};

/** Names of Kubernetes: a namespace is a DNS label, a VirtualNetwork a DNS label as well (its schema says so). */
const SHORT_NETWORK = /^(?:([a-z0-9](?:[-a-z0-9]*[a-z0-9])?)\/)?([a-z0-9](?:[-a-z0-9]*[a-z0-9])?)$/;

/** The name of a FloatingIPPool, or a fully qualified name as JSON or a Python literal. */
export const parsePool: Parser<PoolReference> = (text) => {
  const name = objectName.safeParse(text.trim());
  if (name.success) return { ok: true, value: { name: name.data } };
  const form =
    'the name of a FloatingIPPool, or {"domain": "default-domain", "project": "…", "network": "…", "name": "…"}';
  return structured(text, PoolReferenceSchema, form);
};

/** One or several CIDRs: a comma-separated or JSON list, none twice. */
export const parseCidrs: Parser<readonly string[]> = (text) => {
  const mend = 'write subnets, such as "10.20.0.0/24" or ["10.20.0.0/24", "fd00:20::/64"]';
  const value = literalValue(text) ?? text.split(',').map((item) => item.trim());
  const parsed = z.array(z.string()).min(1).safeParse(value);
  const wrong = parsed.success ? parsed.data.find((item) => !isPrefix(item)) : text;
  if (wrong !== undefined || !parsed.success) return { ok: false, problem: 'is not a list of CIDRs', mend };
  const [first, second] = overlapping(parsed.data) ?? [];
  if (first !== undefined) return { ok: false, problem: `names addresses twice: ${first} and ${second} overlap`, mend };
  const nobodys = parsed.data.find((item) => NOBODYS.has(ipaddr.parseCIDR(item)[0].range()));
  if (nobodys === undefined) return { ok: true, value: parsed.data };
  return { ok: false, problem: `names ${nobodys}, whose addresses no host has`, mend };
};

/** Ranges as ipaddr.js calls them. */
const NOBODYS: ReadonlySet<string> = new Set(['unspecified', 'broadcast', 'multicast', 'linkLocal', 'loopback']);

function overlapping(cidrs: readonly string[]): readonly [string, string] | undefined {
  const pairs = cidrs.flatMap((a, index) => cidrs.slice(index + 1).map((b) => [a, b] as const));
  return pairs.find(([a, b]) => cidrsOverlap(a, b));
}

/** One IP address, IPv4. */
export const parseIPv4: Parser<string> = (text) => {
  if (isIPv4(text.trim())) return { ok: true, value: text.trim() };
  return { ok: false, problem: 'is not an IPv4 address', mend: 'write one address, such as "203.0.113.9"' };
};

/** Addresses for eth0, at most one of each family: a comma-separated or JSON list, each with or without a length. */
export const parseAddresses: Parser<readonly string[]> = (text) => {
  const mend = 'write one IPv4 and at most one IPv6 address, such as "10.32.0.10" or ["10.32.0.10"]';
  const value = literalValue(text) ?? text.split(',').map((item) => item.trim());
  const parsed = z.array(addressOrPrefix).min(1).safeParse(value);
  if (!parsed.success) return { ok: false, problem: problemOf(parsed.error), mend };
  const families = parsed.data.map((item) => (item.includes(':') ? 6 : 4));
  if (new Set(families).size < families.length) return { ok: false, problem: 'has two addresses of one family', mend };
  return { ok: true, value: parsed.data };
};

export const parseMac: Parser<string> = (text) => {
  const written = text.trim();
  if (!macForm.safeParse(written).success)
    return { ok: false, problem: 'is not a MAC address', mend: 'write six pairs, such as "02:00:00:00:00:0a"' };
  const mend = 'write an address whose first byte is even, such as "02:…"';
  if (isGroupMac(written)) return { ok: false, problem: 'is a group address', mend };
  if (isZeroMac(written)) return { ok: false, problem: 'is nobody’s address', mend };
  return { ok: true, value: written.toLowerCase() };
};

// The kernel gives an interface neither (`is_valid_ether_addr`).
const isGroupMac = (text: string): boolean => (Number.parseInt(text.slice(0, 2), 16) & 1) === 1;
const isZeroMac = (text: string): boolean => text === '00:00:00:00:00:00';

/** Names of apps or services: a JSON list, or a comma-separated one. */
export const parseNames: Parser<readonly string[]> = (text) => {
  const value = literalValue(text) ?? text.split(',').map((item) => item.trim());
  const parsed = z.array(objectName).safeParse(typeof value === 'string' ? [value] : value);
  if (parsed.success) return { ok: true, value: parsed.data };
  return { ok: false, problem: problemOf(parsed.error), mend: 'write names, such as ["db", "cache"] or "db,cache"' };
};

/** The name of a pod. */
export const parsePodName = objectOfNamespace('pod', 'sensor-0');

/** A pod of any namespace. */
export const parsePodReference: Parser<{ readonly namespace: string; readonly name: string }> = (text) => {
  const [namespace, name, ...rest] = text.trim().split('/');
  const parsed = PodReferenceSchema.safeParse({ namespace, name });
  if (parsed.success && rest.length === 0) return { ok: true, value: parsed.data };
  const problem = parsed.success ? 'has more than one "/"' : problemOf(parsed.error);
  return { ok: false, problem, mend: 'write namespace and name of a pod, such as "monitoring/sensor-0"' };
};

/** The name of a ServiceChain. */
export const parseChainName = objectOfNamespace('ServiceChain', 'inspect');

/** Parses the name of an object of the annotated one's namespace. */
function objectOfNamespace(kind: string, example: string): Parser<string> {
  return (text) => {
    const parsed = objectName.safeParse(text.trim());
    if (parsed.success) return { ok: true, value: parsed.data };
    return {
      ok: false,
      problem: problemOf(parsed.error),
      mend: `write the name of a ${kind} of this namespace, such as "${example}"`,
    };
  };
}

/** Further interfaces: the CNCF form as a JSON list of objects, or `[namespace/]name[@interface]` separated by commas. */
export const parseNetworks: Parser<readonly NetworkSelection[]> = (text) => {
  const mend = 'write "name, namespace/name@interface", or [{"name": "…", "namespace": "…", "interface": "…"}]';
  const value = /^\s*\[/.test(text) ? literalValue(text) : shortSelections(text);
  if (value === undefined) return { ok: false, problem: 'is neither JSON nor a list of names', mend };
  const parsed = z.array(NetworkSelectionSchema).safeParse(value);
  if (!parsed.success) return { ok: false, problem: problemOf(parsed.error), mend };
  const names = parsed.data.flatMap((selection) => selection.interface ?? []);
  const twice = names.find((name, index) => names.indexOf(name) !== index || name === 'eth0');
  if (twice === undefined) return { ok: true, value: parsed.data };
  return {
    ok: false,
    problem: `names the interface "${twice}" twice`,
    mend: "give each interface its own name; eth0 is the pod's first",
  };
};

/** Any JSON. */
export const parseJson: Parser<unknown> = (text) => {
  const value = literalValue(text);
  return value === undefined ? { ok: false, problem: 'is not JSON', mend: 'write JSON' } : { ok: true, value };
};

/** What a label may have as its value, and not nothing. */
export const parseLabelValue: Parser<string> = (text) => {
  if (/^[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/.test(text)) return { ok: true, value: text };
  return { ok: false, problem: "is not a label's value", mend: 'write up to 63 letters, digits, "-", "_" and "."' };
};

/** A value of a form, as JSON or a Python literal; `form` says what to write. */
export function structured<T>(text: string, schema: z.ZodType<T>, form: string): Parsed<T> {
  const mend = `write ${form}`;
  const value = literalValue(text);
  if (value === undefined) return { ok: false, problem: 'is neither JSON nor a Python literal', mend };
  const parsed = schema.safeParse(value);
  return parsed.success ? { ok: true, value: parsed.data } : { ok: false, problem: problemOf(parsed.error), mend };
}

function problemOf(error: z.ZodError): string {
  const issue = error.issues[0];
  const path = issue?.path.join('.') ?? '';
  return `is wrong${path === '' ? '' : ` at ${path}`}: ${issue?.message ?? 'unreadable'}`;
}

function shortSelections(text: string): readonly unknown[] {
  const items = text.split(',').map((item) => item.trim());
  return items
    .filter((item) => item !== '')
    .map((item) => {
      const [where = '', as] = item.split('@');
      const [first = '', second] = where.split('/');
      const named = second === undefined ? { name: first } : { namespace: first, name: second };
      return { ...named, ...(as === undefined ? {} : { interface: as }) };
    });
}

function isPrefix(text: string): boolean {
  const [ip = '', length = '', more] = text.split('/');
  const family = isIP(ip);
  return family !== 0 && more === undefined && /^\d{1,3}$/.test(length) && Number(length) <= (family === 4 ? 32 : 128);
}
