/** A port as the node agent announces it: the body of `POST /vm` (facts 6.6). */
import { z } from 'zod';

const uuid = z.string().regex(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/, 'is not a lower-case UUID');

/** The body's schema. The host interface's name is limited to what the pipeline takes for a pod's. */
export const bindingSchema = z.object({
  'vm-uuid': uuid,
  'vmi-uuid': uuid,
  'vn-uuid': z.string(),
  // A file's name is made of it.
  'vm-name': z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_.:-]{0,250}$/, 'is not a virtual machine’s name'),
  'host-ifname': z.string().regex(/^tap[A-Za-z0-9_-]{1,12}$/, 'is not a name of the form tap…'),
  'vm-id': z.string().optional(),
  'vm-ifname': z.string().optional(),
  'vm-namespace': z.string().optional(),
  author: z.string().optional(),
  time: z.string().optional(),
});

export type Binding = z.infer<typeof bindingSchema>;
