/** What rules have decided, as a user reads it. Pure. */
import type { RuleHits } from './model.ts';

const HEAD = ['POLICY', 'RULE', 'ALLOWED', 'REFUSED'];

/** A table with a line for each rule. */
export function hitsText(rules: readonly RuleHits[]): string {
  const rows = [HEAD, ...rules.map(cells)];
  const widths = HEAD.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) => `${row.map((cell, column) => padded(cell, column, widths)).join('  ')}\n`).join('');
}

function cells({ direction, policy, rule, allowed, refused }: RuleHits): readonly string[] {
  return [policy, rule === undefined ? `${direction}, no rule` : ruleText(rule, direction), `${allowed}`, `${refused}`];
}

/** A rule's own name does not say its direction. */
function ruleText(rule: string, direction: RuleHits['direction']): string {
  return rule.includes(direction) ? rule : `${direction} ${rule}`;
}

/** Numbers to the right. */
function padded(cell: string, column: number, widths: readonly number[]): string {
  const width = widths[column] ?? 0;
  return column < 2 ? cell.padEnd(width) : cell.padStart(width);
}
