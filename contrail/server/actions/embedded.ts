/** What the embedded server adds to Contrail's API: the state of the database and the end of a rebuild. */
import { type Handler, ok } from '../context.ts';
import { HttpError } from '../errors.ts';
import { bodyOf, textField } from './body.ts';

/** `GET /embedded/status`: a new epoch means that the database was lost; `rebuilding` until somebody says it is whole. */
export const status: Handler = async (_request, deps) => {
  const { epoch, state, revision } = await deps.database.state();
  return ok({ epoch, state, revision });
};

/** `POST /embedded/ready {"epoch"}`: this epoch's rebuild is finished. 409 where the epoch is another by now. */
export const ready: Handler = async ({ body }, { database }) => {
  const epoch = textField(bodyOf(body), 'epoch');
  if (!(await database.declareReady(epoch))) throw new HttpError(409, `epoch ${epoch} is over`);
  return ok({});
};
