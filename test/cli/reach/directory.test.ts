/** Pods as commands look them up, on a real API server. */
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { createDirectory } from '../../../cli/reach/directory.ts';
import { formatPorts } from '../../../kubernetes/ports.ts';
import { hasApiServer, startApiServer, type TestApiServer } from '../../kubernetes/apiserver.ts';

jest.setTimeout(120_000);

const described = hasApiServer ? describe : describe.skip;
const PODS = '/api/v1/namespaces/default/pods';
const NETWORK = 'default-domain:k8s-default:k8s-default-pod-network';

let server: TestApiServer;

described('a directory', () => {
  beforeAll(async () => {
    server = await startApiServer();
    const kube = server.client();
    const spec = { nodeName: 'n1', containers: [{ name: 'web', image: 'web' }] };
    const { metadata } = await kube.post(PODS, { metadata: { name: 'web' }, spec });
    const eth0 = { name: 'eth0', vmi: 'a', network: NETWORK, ips: ['10.32.0.7/12', 'fd00:32::7/64'] };
    const net1 = { name: 'net1', vmi: 'b', network: 'd:p:storage', ips: ['10.20.0.7/24'] };
    const interfaces = [eth0, net1].map((each) => ({ ...each, networkId: 'n', mac: 'm', dns: [], mtu: 0 }));
    const annotations = { 'opencontrail.org/ports': formatPorts({ uid: metadata.uid, interfaces }) };
    await kube.patch(`${PODS}/web`, { metadata: { annotations } });
    const podIPs = [{ ip: '10.32.0.7' }, { ip: 'fd00:32::7' }];
    await kube.patch(`${PODS}/web/status`, { status: { podIP: '10.32.0.7', podIPs } });
  }, 120_000);

  afterAll(async () => server?.stop());

  test.each([
    ['the first', '10.32.0.7', NETWORK, 'web'],
    ['the other family’s', 'fd00:32::7', NETWORK, 'web'],
    ['a further interface’s', '10.20.0.7', 'd:p:storage', 'web'],
    ['one of another network', '10.20.0.7', NETWORK, undefined],
  ])('knows who has an address: %s', async (_which, address, network, name) => {
    const pod = await createDirectory(server.client()).podAt(address, network);
    expect(pod?.name).toBe(name);
  });
});
