/** What the embedded server adds to Contrail's API: the state of the database and the end of a rebuild. */
import { type Handler, ok } from '../context.ts';
import { HttpError } from '../errors.ts';
import { bodyOf, textField } from './body.ts';

/** `GET /embedded/status`: a new epoch means that the database was lost; `rebuilding` until somebody says it is whole. */
export const status: Handler = async (_request, deps) => {
  await deps.ensureDatabase();
  const { epoch, state, revision } = await deps.store.state();
  return ok({ epoch, state, revision });
};

/** `POST /embedded/ready {"epoch"}`: this epoch's rebuild is finished. 409 where the epoch is another by now. */
export const ready: Handler = async ({ body }, { store }) => {
  const epoch = textField(bodyOf(body), 'epoch');
  if (!(await store.markReady(epoch))) throw new HttpError(409, `epoch ${epoch} is over`);
  return ok({});
};
