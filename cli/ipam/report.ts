/** Findings as a user reads them. Pure. */
import type { Finding, Observation } from './model.ts';

/** One line per finding, and how it is mended. */
export function findingText({ problem, place, holder, addresses, detail, repair, mend }: Finding): string {
  const how = repair === undefined ? mend : '--repair mends it';
  return `${problem.padEnd(8)} ${place.padEnd(10)} ${addresses.join(',') || '-'}  ${holder}: ${detail}; ${how}\n`;
}

/** What was compared, for the end. */
export function summaryText({ pods, config, nodes, unasked }: Observation, findings: readonly Finding[]): string {
  const addresses = config.reduce((sum, port) => sum + port.addresses.length, 0);
  const seen = `${pods.length} pods, ${addresses} addresses in the config database, ${nodes.length} nodes`;
  const missing = unasked.map(({ node, reason }) => `node ${node} was not asked: ${reason}\n`).join('');
  return `${missing}${seen}: ${findings.length === 0 ? 'clean' : `${findings.length} found`}\n`;
}

/** The same for programs. */
export function reportJson(
  observation: Observation,
  outcome: { readonly findings: readonly Finding[]; readonly repaired: readonly string[] },
): string {
  const { pods, config, nodes, unasked } = observation;
  const compared = {
    pods: pods.length,
    addresses: config.reduce((sum, port) => sum + port.addresses.length, 0),
    nodes: nodes.map(({ node }) => node),
  };
  return `${JSON.stringify({ compared, unasked, ...outcome }, null, 2)}\n`;
}
