/** Type checks of what a client writes, with the real server's texts (facts 2). Values are corrected in place where it does. */
import type { FieldSchema, ResourceSchema, Schema } from '../../schema.ts';
import { formatAddress, parseNetwork } from '../addresses/ip.ts';
import { HttpError } from '../errors.ts';
import { repr, str } from '../python.ts';

type Values = Record<string, unknown>;

/** Checks properties and references of a body; throws 400. `verb` is `create` or `http_put`, as the texts name it. */
export function validateBody(schema: Schema, resource: ResourceSchema, body: Values, verb: string): void {
  for (const [name, property] of Object.entries(resource.properties)) {
    const value = body[name];
    if (!value) continue;
    try {
      body[name] = validateProperty(schema, name, property.type, value);
    } catch (error) {
      throw asHttpError(error, `Bad property in ${verb}: `);
    }
  }
  for (const [name, link] of Object.entries(resource.refs)) {
    if (!body[name]) continue;
    for (const ref of listOf(body[name], name, verb)) validateRef(schema, { name, attr: link.attr, ref, verb });
  }
}

/** Whether a value is neither null nor one of Python's other falsy ones: such skip every check. */
function truthy(value: unknown): boolean {
  if (Array.isArray(value)) return value.length > 0;
  if (typeof value === 'object' && value !== null) return Object.keys(value).length > 0;
  return Boolean(value);
}

function validateProperty(schema: Schema, name: string, type: string, value: unknown): unknown {
  if (!truthy(value)) return value;
  if (schema.complexType(type) === undefined) {
    try {
      return simpleValue(schema, name, type, value);
    } catch (error) {
      throw new ValueError(`Error validating property ${messageOf(error)}`);
    }
  }
  if (!isRecord(value)) {
    throw new ValueError(
      `Error in property ${name} type <class 'vnc_api.gen.resource_xsd.${type}'> value of ${str(value)} `,
    );
  }
  const before = repr(value);
  try {
    complexValue(schema, type, value);
  } catch (error) {
    throw new ValueError(`Error validating property ${name} value ${before} ${messageOf(error)}`);
  }
  return value;
}

function validateRef(
  schema: Schema,
  { name, attr, ref, verb }: { name: string; attr: string | undefined; ref: Values; verb: string },
): void {
  if (attr === undefined) return;
  const before = repr(ref);
  try {
    if (!('attr' in ref)) throw new ValueError("'attr'");
    if (ref['attr']) complexValue(schema, attr, record(ref['attr'], attr));
  } catch (error) {
    throw new HttpError(
      400,
      `Bad reference in ${verb}: Error validating reference ${name} value ${before} ${messageOf(error)}`,
    );
  }
}

function complexValue(schema: Schema, type: string, value: Values): void {
  const fields = schema.complexType(type)?.fields ?? {};
  for (const [key, item] of Object.entries(value)) {
    const field = fields[key];
    if (field === undefined)
      throw new ValueError(`class <class 'vnc_api.gen.resource_xsd.${type}'> does not have field ${key}`);
    if (truthy(item)) value[key] = fieldValues(schema, key, field, item);
  }
  if (type === 'SubnetType') normaliseSubnet(value);
  if (type === 'AllowedAddressPair') checkAddressPair(value);
}

function fieldValues(schema: Schema, key: string, { type, list }: FieldSchema, item: unknown): unknown {
  if (list && !Array.isArray(item)) throw new ValueError(`Field ${key} must be a list. Received value: ${str(item)}`);
  return Array.isArray(item)
    ? item.map((each) => fieldValue(schema, key, type, each))
    : fieldValue(schema, key, type, item);
}

function fieldValue(schema: Schema, key: string, type: string, value: unknown): unknown {
  if (schema.complexType(type) === undefined) return simpleValue(schema, key, type, value);
  if (value !== null) complexValue(schema, type, record(value, key));
  return value;
}

function simpleValue(schema: Schema, name: string, type: string, value: unknown): unknown {
  if (value === null || value === undefined) return value;
  const simple = schema.simpleType(type);
  const base = simple?.base ?? type;
  if (INTEGERS.has(base)) return integerValue(name, value, simple);
  if (base === 'boolean') {
    if (typeof value !== 'boolean') throw new ValueError(`${name}: true/false expected instead of ${str(value)}`);
    return value;
  }
  if (typeof value !== 'string') throw new ValueError(`${name}: string value expected instead of ${str(value)}`);
  checkText(name, type, value, simple?.enum);
  return value;
}

const INTEGERS = new Set(['integer', 'unsignedLong', 'unsignedShort']);

function integerValue(name: string, value: unknown, limits: { min?: number; max?: number } | undefined): number {
  const isText = typeof value === 'string' && /^\s*[+-]?\d+\s*$/.test(value);
  const number = isText ? Number.parseInt(value, 10) : value;
  if (typeof number !== 'number' || !Number.isInteger(number)) {
    throw new ValueError(`${name}: integer value expected instead of ${str(value)}`);
  }
  const { min, max } = limits ?? {};
  if (min !== undefined && max !== undefined && (number < min || number > max)) {
    throw new ValueError(`${name}: value must be between ${min} and ${max}`);
  }
  return number;
}

/** The patterns that the real server does enforce; it enforces no other (facts 2). */
const PATTERNS: Readonly<Record<string, RegExp>> = {
  CommunityAttribute: /^(?:\d+:\d+|no-export|accept-own|no-advertise|no-export-subconfed|no-reoriginate)$/,
  ServiceInterfaceType: /^(?:management|left|right|other[0-9]*)$/,
};

function checkText(name: string, type: string, value: string, allowed: readonly (string | number)[] | undefined): void {
  if (allowed !== undefined && !allowed.includes(value))
    throw new ValueError(`${name}: value must be one of ${repr(allowed)}`);
  if (PATTERNS[type]?.test(value) === false) throw new ValueError(`Invalid ${type} ${value}`);
}

/** Masks host bits; the prefix length becomes a number. */
function normaliseSubnet(value: Values): void {
  const text = `${str(value['ip_prefix'])}/${str(value['ip_prefix_len'])}`;
  const network = parseNetwork(value['ip_prefix'], value['ip_prefix_len']);
  if (network === undefined) throw new ValueError(`Subnet type '${text}' is invalid`);
  value['ip_prefix'] = formatAddress(network.family, network.base);
  value['ip_prefix_len'] = network.length;
}

/** An active-standby pair may cover few addresses only (facts 2). */
function checkAddressPair(value: Values): void {
  if (value['address_mode'] !== 'active-standby' || !isRecord(value['ip'])) return;
  const network = parseNetwork(value['ip']['ip_prefix'], value['ip']['ip_prefix_len']);
  if (network === undefined) return;
  const limit = network.family === 4 ? 24 : 120;
  if (network.length < limit) {
    throw new ValueError(`IPv${network.family} Prefix length lesser than ${limit} is is not acceptable`);
  }
}

/** A type check that failed; the text is completed by whoever knows where. */
class ValueError extends Error {}

function asHttpError(error: unknown, prefix: string): unknown {
  return error instanceof ValueError ? new HttpError(400, prefix + error.message) : error;
}

function messageOf(error: unknown): string {
  if (error instanceof ValueError) return error.message;
  throw error;
}

function listOf(value: unknown, name: string, verb: string): Values[] {
  if (Array.isArray(value) && value.every(isRecord)) return value;
  throw new HttpError(400, `Bad reference in ${verb}: ${name} must be a list of references`);
}

function record(value: unknown, name: string): Values {
  if (isRecord(value)) return value;
  throw new ValueError(`${name}: object expected instead of ${str(value)}`);
}

/** Whether a value is a JSON object. */
export function isRecord(value: unknown): value is Values {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
