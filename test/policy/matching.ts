/** Labels and addresses as the API's documentation matches them; shared by the references, and by nothing of the product. */
export interface Selector {
  matchLabels?: Record<string, string>;
  matchExpressions?: { key: string; operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist'; values?: string[] }[];
}

export function matches(
  { matchLabels = {}, matchExpressions = [] }: Selector,
  labels: Record<string, string>,
): boolean {
  for (const [key, value] of Object.entries(matchLabels)) if (labels[key] !== value) return false;
  for (const { key, operator, values = [] } of matchExpressions) {
    const present = key in labels;
    const listed = present && values.includes(labels[key] ?? '');
    const met = { In: listed, NotIn: !listed, Exists: present, DoesNotExist: !present }[operator];
    if (!met) return false;
  }
  return true;
}

/** By bits, written out. */
export function inCidr(ip: string, cidr: string): boolean {
  const [prefix = '', length] = cidr.split('/');
  const [a, b] = [bits(ip), bits(prefix)];
  return a.length === b.length && a.slice(0, Number(length)) === b.slice(0, Number(length));
}

function bits(ip: string): string {
  if (!ip.includes(':'))
    return ip
      .split('.')
      .map((part) => Number(part).toString(2).padStart(8, '0'))
      .join('');
  const [head = '', tail = ''] = ip.split('::');
  const left = head.split(':').filter(Boolean);
  const right = tail.split(':').filter(Boolean);
  const groups = [...left, ...Array<string>(8 - left.length - right.length).fill('0'), ...right];
  return groups.map((group) => Number.parseInt(group, 16).toString(2).padStart(16, '0')).join('');
}
