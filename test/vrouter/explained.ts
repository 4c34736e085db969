/** What nodes answer of a flow of a test world: whether both ends and the networks between them let it pass. */
import { indexConfig } from '../../vrouter/compile/following-index.ts';
import { compile } from '../../vrouter/compile/compile.ts';
import { passes } from '../../vrouter/explain/passing.ts';
import { sentTo } from './lab/sent.ts';
import type { EndVerdict, Question, SourceVerdict, TargetVerdict } from '../../vrouter/explain/questions.ts';
import { verdictsOn } from '../../vrouter/explain/verdicts.ts';
import { networkName, type TestWorld, vmiOf, worldObjects } from './config.ts';

const TCP = 6;

/** Whether some way of a TCP flow passes; `from` is a pod or a node. */
export function isExplained(
  world: TestWorld,
  from: string,
  [to, port]: readonly [address: string, port: number],
): boolean {
  const objects = worldObjects(world);
  const ask = (node: string, question: Question) =>
    verdictsOn([question], {
      state: compile({ objects: sentTo(node, objects) }, node),
      config: indexConfig(objects),
    })[0] ?? undefined;
  const pod = world.pods?.[from];
  const vmi = pod === undefined ? {} : { vmi: vmiOf(from, pod.project) };
  const asked = { end: 'source' as const, ...vmi, to, protocol: TCP, port };
  const said = ask(pod?.node ?? from, asked) as SourceVerdict;
  const led = said.guide;
  const source = led === undefined ? said : (ask(led.node, { ...asked, led: true }) as SourceVerdict);
  return source.ways.some((way) => {
    if (!passes(way.passing) || !isAllowed(way.policy)) return false;
    const [name, target] =
      Object.entries(world.pods ?? {}).find(
        ([, each]) => each.address === way.address && networkName(each.network).join(':') === way.network,
      ) ?? [];
    if (name === undefined || target === undefined) return true;
    const { address, network } = led === undefined ? way.seenAs : { address: led.seenAs };
    const seen = { from: address, ...(network === undefined ? {} : { network }) };
    const question = {
      end: 'target' as const,
      vmi: vmiOf(name, target.project),
      ...seen,
      protocol: TCP,
      port: way.port,
    };
    return isAllowed((ask(target.node, question) as TargetVerdict).policy);
  });
}

function isAllowed(policy: EndVerdict): boolean {
  return policy.kind !== 'judged' || policy.isAllowed;
}
