/** What the real server offers to operators and job runners; here only as far as its absence must be told properly. */
import type { Handler } from '../context.ts';
import { HttpError } from '../errors.ts';
import { repr } from '../python.ts';
import { bodyOf, textField } from './body.ts';

/** `POST /execute-job`: there is no job runner behind this server. */
export const executeJob: Handler = async ({ body }) => {
  const { job_template_id: id, job_template_fq_name: name } = bodyOf(body ?? {});
  if (!id && !name) throw new HttpError(400, 'Either job_template_id or job_template_fq_name required in request');
  throw new HttpError(503, 'This server runs no jobs');
};

/** `POST /security-policy-draft`: draft mode cannot be enabled here. */
export const securityPolicyDraft: Handler = async ({ body }, { store }) => {
  const uuid = textField(bodyOf(body), 'scope_uuid');
  const scope = await store.read(uuid);
  if (scope === undefined) throw new HttpError(404, `Unknown id: ${uuid}`);
  const kind = scope.type === 'project' ? 'Project' : 'Global';
  throw new HttpError(400, `Security draft mode is not enabled on the ${kind} ${repr(scope.fqName)} (${uuid})`);
};
