/** Security groups: their number and their rules (facts 9 and 10). */
import { demand, HttpError } from '../errors.ts';
import type { TypeRules } from '../objects/draft.ts';
import type { Transaction } from '../store/transaction.ts';
import { checkGroupRule, ruleListRules } from './policy-rules.ts';

/** 8000000 stands for no group; numbers below are left to those who configure their own. */
const NUMBERS = { key: 'security-group', from: 8_000_001, to: 16_777_215 };
const NO_NUMBER = new HttpError(500, 'No free security group ID');

const entries = ruleListRules('security_group_entries', checkGroupRule);

export const securityGroupRules: TypeRules = {
  beforeCreate: async (draft, tx) => {
    demand(draft.properties['security_group_id'] === undefined, 403, 'Cannot set the security group ID');
    await entries.beforeCreate?.(draft, tx);
    const configured = Number(draft.properties['configured_security_group_id'] ?? 0);
    if (configured > 0) draft.properties['security_group_id'] = configured;
    else draw(tx, draft.uuid);
  },
  beforeUpdate: async (change, tx) => {
    const { object, properties } = change;
    const id = properties['security_group_id'];
    demand(
      id === undefined || id === object.properties['security_group_id'],
      403,
      'Cannot update the security group ID',
    );
    await entries.beforeUpdate?.(change, tx);
    const configured = Number(properties['configured_security_group_id'] ?? 0);
    if (configured > 0) properties['security_group_id'] = configured;
  },
  beforeDelete: (object, tx) => {
    const id = object.properties['security_group_id'];
    if (typeof id === 'number' && id >= NUMBERS.from) tx.freeNumber(NUMBERS.key, NUMBERS.from, id);
    return { known: [] };
  },
};

function draw(tx: Transaction, uuid: string): void {
  const number = tx.number(NUMBERS, NO_NUMBER);
  tx.numberField({ object: uuid, field: 'p:security_group_id', format: '%d', numbers: [number] });
}
