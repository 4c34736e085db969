/** What a ServiceChain becomes: a template and an instance for each of its services, and a tuple for each pod that works for one. Pure. */
import { uuidOf } from '../names.ts';
import { type ContrailObject, type FqName, fqNameText, WHEN_EMPTY } from '../objects.ts';
import { annotationsFor, type Owner } from '../ownership.ts';
import { inProject, type Naming, ownerFor, to } from './owner.ts';
import { tupleNamed } from './pod-service.ts';

export interface ServiceChainInput {
  readonly namespace: string;
  readonly name: string;
  readonly left: FqName;
  readonly right: FqName;
  readonly services: readonly ChainedServiceInput[];
}

export interface ChainedServiceInput {
  readonly name: string;
  readonly mode: 'in-network' | 'in-network-nat' | 'transparent';
  /** Whether traffic goes on without it where it has no instance. */
  readonly isBypassed: boolean;
  /** Names of the pods that work for it, Ready or not: what is not is left without interfaces (`desired/pod.ts`). */
  readonly pods: readonly string[];
}

/** Everything under the key `ServiceChain/<namespace>/<name>`. */
export function desiredServiceChain(input: ServiceChainInput, naming: Naming): readonly ContrailObject[] {
  const { namespace, name, services } = input;
  const owner = ownerFor({ kind: 'ServiceChain', namespace, name }, naming);
  return services.flatMap((service) => serviceObjects(input, service, { owner, naming }));
}

interface Context {
  readonly owner: Owner;
  readonly naming: Naming;
}

function serviceObjects(
  { namespace, name, left, right }: ServiceChainInput,
  service: ChainedServiceInput,
  { owner, naming: { names } }: Context,
): readonly ContrailObject[] {
  const of = { namespace, chain: name, service: service.name };
  const [template, instance] = [names.serviceTemplate(of), names.serviceInstance(of)];
  const sides = [left, right].map(fqNameText);
  const [left_virtual_network, right_virtual_network] = sides;
  return [
    templateOf(template, service, owner),
    inProject(identity('service-instance', instance), owner, {
      display_name: `${name} ${service.name}`,
      service_instance_properties: {
        left_virtual_network,
        right_virtual_network,
        interface_list: sides.map((virtual_network) => ({ virtual_network })),
      },
      service_template_refs: [to(template)],
      ...annotationsFor(owner, { [WHEN_EMPTY]: service.isBypassed ? 'bypass' : 'block' }),
    }),
    ...service.pods.map((pod): ContrailObject => {
      const tuple = tupleNamed(names.portTuple(of, pod));
      return { ...tuple, parent_type: 'service-instance', ...annotationsFor(owner) };
    }),
  ];
}

/** Of the second version, which spawns nothing: who does the work, tuples say. */
function templateOf(fqName: FqName, { mode }: ChainedServiceInput, owner: Owner): ContrailObject {
  return {
    type: 'service-template',
    uuid: uuidOf('service-template', fqName),
    fq_name: fqName,
    parent_type: 'domain',
    service_template_properties: {
      version: 2,
      service_mode: mode,
      service_type: 'firewall',
      interface_type: ['left', 'right'].map((service_interface_type) => ({ service_interface_type })),
    },
    ...annotationsFor(owner),
  };
}

function identity(type: string, fqName: FqName) {
  return { type, uuid: uuidOf(type, fqName), fqName };
}
