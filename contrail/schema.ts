/** Contrail's schema, as extracted from its XSD files: types, parents, properties, references and value types. */
import { readFileSync } from 'node:fs';

export interface PropertySchema {
  /** Name of a complex or simple type, or an XSD base type. */
  readonly type: string;
  readonly collection?: 'list' | 'map';
  /** The one field of a collection's wrapper, `key_value_pair` in annotations. */
  readonly wrapperField?: string;
  readonly itemType?: string;
  /** The item field that identifies an entry of a map. */
  readonly mapKey?: string;
}

export interface LinkSchema {
  readonly type: string;
  /** Type of the link's attribute; a link without one carries `null`. */
  readonly attr?: string;
}

interface ChildSchema {
  readonly type: string;
  /** Made by the server itself, and therefore no obstacle to a deletion. */
  readonly derived?: boolean;
}

export interface ResourceSchema {
  readonly type: string;
  readonly parents: readonly ChildSchema[];
  readonly children: Readonly<Record<string, ChildSchema>>;
  readonly properties: Readonly<Record<string, PropertySchema>>;
  readonly refs: Readonly<Record<string, LinkSchema>>;
  readonly backRefs: Readonly<Record<string, LinkSchema>>;
}

export interface FieldSchema {
  readonly type: string;
  readonly list?: boolean;
}

interface ComplexType {
  readonly fields: Readonly<Record<string, FieldSchema>>;
}

interface SimpleType {
  readonly base: string;
  readonly enum?: readonly (string | number)[];
  readonly min?: number;
  readonly max?: number;
}

/** Lookups by name; type names are accepted with dashes or underscores, as the API itself does. */
export interface Schema {
  readonly types: readonly string[];
  readonly resource: (type: string) => ResourceSchema | undefined;
  readonly complexType: (name: string) => ComplexType | undefined;
  readonly simpleType: (name: string) => SimpleType | undefined;
}

interface SchemaFile {
  readonly resources: Readonly<Record<string, Omit<ResourceSchema, 'type'>>>;
  readonly complexTypes: Readonly<Record<string, ComplexType>>;
  readonly simpleTypes: Readonly<Record<string, SimpleType>>;
}

/** Reads the schema that lies beside this file. About 5 ms; call it once per program. */
export function loadSchema(): Schema {
  const text = readFileSync(new URL('./contrail-schema.json', import.meta.url), 'utf8');
  // The file is part of this repository and has exactly this shape.
  const file = JSON.parse(text) as SchemaFile;
  const resources = new Map(Object.entries(file.resources).map(([type, rest]) => [type, { type, ...rest }]));
  return {
    types: [...resources.keys()],
    resource: (type) => resources.get(type.replaceAll('_', '-')),
    complexType: (name) => file.complexTypes[name],
    simpleType: (name) => file.simpleTypes[name],
  };
}

/** The field under which a type's references to `target` stand: `virtual-network` → `virtual_network_refs`. Pure. */
export function refField(target: string): string {
  return `${underscored(target)}_refs`;
}

/** `virtual-network` → `virtual_network`. Pure. */
export function underscored(type: string): string {
  return type.replaceAll('-', '_');
}
