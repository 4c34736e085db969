/** Which types have rules of their own; all others are only checked against the schema. */
import type { TypeRules } from '../objects/draft.ts';
import { applicationPolicySetRules, firewallRuleRules, serviceGroupRules } from './firewall.ts';
import { aliasIpRules, floatingIpPoolRules, floatingIpRules } from './floating-ip.ts';
import { instanceIpRules } from './instance-ip.ts';
import { networkIpamRules } from './network-ipam.ts';
import { checkPolicyRule, ruleListRules } from './policy-rules.ts';
import { projectRules } from './project.ts';
import {
  bgpAsAServiceRules,
  globalSystemConfigRules,
  healthMonitorRules,
  logicalRouterRules,
  routingInstanceRules,
  serviceTemplateRules,
} from './routing.ts';
import { securityGroupRules } from './security-group.ts';
import { tagRules, tagTypeRules } from './tag.ts';
import { virtualMachineInterfaceRules } from './virtual-machine-interface.ts';
import { virtualNetworkRules } from './virtual-network.ts';

const RULES: Readonly<Record<string, TypeRules>> = {
  'alias-ip': aliasIpRules,
  'application-policy-set': applicationPolicySetRules,
  'bgp-as-a-service': bgpAsAServiceRules,
  'firewall-rule': firewallRuleRules,
  'floating-ip': floatingIpRules,
  'floating-ip-pool': floatingIpPoolRules,
  'global-system-config': globalSystemConfigRules,
  'instance-ip': instanceIpRules,
  'loadbalancer-healthmonitor': healthMonitorRules,
  'logical-router': logicalRouterRules,
  'network-ipam': networkIpamRules,
  'network-policy': ruleListRules('network_policy_entries', checkPolicyRule),
  project: projectRules,
  'routing-instance': routingInstanceRules,
  'security-group': securityGroupRules,
  'service-group': serviceGroupRules,
  'service-template': serviceTemplateRules,
  tag: tagRules,
  'tag-type': tagTypeRules,
  'virtual-machine-interface': virtualMachineInterfaceRules,
  'virtual-network': virtualNetworkRules,
};

const NONE: TypeRules = {};

/** The rules of a type. */
export function rulesOf(type: string): TypeRules {
  return RULES[type] ?? NONE;
}
