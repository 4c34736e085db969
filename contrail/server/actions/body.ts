/** Reading fields of an action's body. */
import { demand, HttpError } from '../errors.ts';
import { isRecord } from '../objects/validate.ts';
import type { ResourceSchema, Schema } from '../../schema.ts';

/** The body as an object; throws 400 for anything else. */
export function bodyOf(body: unknown): Record<string, unknown> {
  demand(isRecord(body), 400, 'Bad Request: the body must be a JSON object');
  return body;
}

/** A field that must be a text. */
export function textField(body: Readonly<Record<string, unknown>>, name: string): string {
  const value = body[name];
  demand(typeof value === 'string' && value !== '', 400, `Bad Request: ${name} is missing`);
  return value;
}

/** A type by name; throws the 404 that every action answers for an unknown one. */
export function requireType(schema: Schema, type: unknown): ResourceSchema {
  const resource = typeof type === 'string' ? schema.resource(type) : undefined;
  if (resource === undefined) throw new HttpError(404, `Resource type '${String(type)}' not found`);
  return resource;
}

/** A name given as a list of texts. */
export function nameField(value: unknown): readonly string[] {
  demand(
    Array.isArray(value) && value.every((part) => typeof part === 'string'),
    400,
    'Bad Request: fq_name must be a list of strings',
  );
  return value;
}
