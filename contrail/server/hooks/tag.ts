/** Tags and their types: names that the server makes, and numbers that travel in packets' policies (facts 9 and 10). */
import { demand, HttpError } from '../errors.ts';
import { derivedObject } from '../objects/derived.ts';
import type { Draft, TypeRules } from '../objects/draft.ts';
import type { Transaction } from '../store/transaction.ts';

/** Types that exist from the start, by their number (facts 9). */
export const TAG_TYPES = ['label', 'application', 'tier', 'deployment', 'site', 'neutron_fwaas', 'neutron_tag'];
/** Numbers of user-defined types; clients may choose from 0x8000. */
const TYPE_NUMBERS = { key: 'tag-type', from: 255, to: 0xffff };
const LAST_DRAWN_TYPE = 0x7fff;
const NO_NUMBER = new HttpError(500, 'No free tag ID');

export const tagRules: TypeRules = {
  validate: (body) => {
    const { tag_type_name: type, tag_value: value } = body;
    demand(Boolean(type) && Boolean(value), 400, 'Tag must be created with a type and a value');
    demand(!body['tag_type_refs'], 400, 'Tag Type reference is not setable');
    demand(!body['tag_id'], 400, 'Tag ID is not setable');
    body['tag_type_name'] = String(type).toLowerCase();
    const name = `${String(type).toLowerCase()}=${String(value)}`;
    if (Array.isArray(body['fq_name'])) body['fq_name'] = [...body['fq_name'].slice(0, -1), name];
    body['display_name'] = name;
  },
  beforeCreate: async (draft, tx) => {
    const name = String(draft.properties['tag_type_name']);
    const type = await tx.find('tag-type', [name]);
    const value = tx.number({ key: `tag:${name}`, from: 0, to: 0xffff }, NO_NUMBER);
    if (type !== undefined) {
      tx.expectUnchanged(type);
      const prefix = String(type.properties['tag_type_id']);
      tx.numberField({ object: draft.uuid, field: 'p:tag_id', format: `"${prefix}%04x"`, numbers: [value] });
      draft.refs['tag_type_refs'] = [{ uuid: type.uuid, to: type.fqName, attr: null }];
    } else {
      createType(draft, tx, { name, value });
    }
  },
  beforeUpdate: ({ object, properties }) => {
    const fixed = ['tag_type_name', 'tag_value', 'tag_id'];
    const same = fixed.every((name) => !(name in properties) || properties[name] === object.properties[name]);
    demand(same, 400, 'Tag name, type, value or ID cannot be updated');
  },
  beforeDelete: (object, tx) => {
    const id = Number.parseInt(String(object.properties['tag_id']).slice(6), 16);
    if (Number.isInteger(id)) tx.freeNumber(`tag:${String(object.properties['tag_type_name'])}`, 0, id);
    return { known: [] };
  },
};

export const tagTypeRules: TypeRules = {
  beforeCreate: (draft, tx) => {
    const given = draft.properties['tag_type_id'];
    if (given === undefined) {
      drawType(tx, draft.uuid);
      return;
    }
    const id = Number(given);
    demand(id >= 0x8000 && id <= 0xffff, 400, 'Tag type ID must be between 0x8000 and 0xffff');
    tx.number({ ...TYPE_NUMBERS, value: id }, new HttpError(400, `Requested ID ${id} is already allocated`));
  },
  beforeUpdate: ({ object, properties }) => {
    const same = !('tag_type_id' in properties) || properties['tag_type_id'] === object.properties['tag_type_id'];
    demand(same, 400, 'Tag Type value or ID cannot be updated');
  },
  beforeDelete: (object, tx) => {
    const id = Number(object.properties['tag_type_id']);
    if (id >= TYPE_NUMBERS.from) tx.freeNumber(TYPE_NUMBERS.key, TYPE_NUMBERS.from, id);
    return { known: [] };
  },
};

/** A type that is not known yet is made together with its first tag. */
function createType(draft: Draft, tx: Transaction, { name, value }: { name: string; value: number }): void {
  const object = derivedObject('tag-type', [name], {});
  const type = drawType(tx, object.uuid);
  tx.create(object);
  tx.numberField({ object: draft.uuid, field: 'p:tag_id', format: '"0x%04x%04x"', numbers: [type, value] });
  draft.refs['tag_type_refs'] = [{ uuid: object.uuid, to: [name], attr: null }];
}

function drawType(tx: Transaction, uuid: string): number {
  const number = tx.number({ ...TYPE_NUMBERS, to: LAST_DRAWN_TYPE }, NO_NUMBER);
  tx.numberField({ object: uuid, field: 'p:tag_type_id', format: '"0x%04x"', numbers: [number] });
  return number;
}
