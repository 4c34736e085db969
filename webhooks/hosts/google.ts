/** Google Cloud Run functions: what `@google-cloud/functions-framework` calls by `--target=opencontrail`. */
import type { Request, Response } from 'express';
import { environment } from '../../runtime/config.ts';
import { parseBody } from '../body.ts';
import { lazyFunction } from './function.ts';

const webhook = lazyFunction(environment());

/** The framework has read the body before a function sees the request, and keeps its bytes. */
export async function opencontrail(
  request: Request & { readonly rawBody?: Buffer },
  response: Response,
): Promise<void> {
  const { method, path, headers, rawBody = Buffer.alloc(0) } = request;
  const { status, body } = await webhook().answer({
    method,
    path,
    // The headers that are read here are never lists.
    headers: headers as Readonly<Record<string, string | undefined>>,
    body: () => parseBody(headers['content-type'], rawBody),
  });
  response.status(status).json(body);
}
