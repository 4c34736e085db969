/** AWS Lambda, behind a function URL or API Gateway: an event is a call, the result its answer. */
import { environment } from '../../runtime/config.ts';
import { parseBody } from '../body.ts';
import { lazyFunction } from './function.ts';

/** Payload format 2.0 (function URLs, HTTP APIs) and 1.0 (REST APIs), as far as they are read. */
interface HttpEvent {
  readonly rawPath?: string;
  readonly path?: string;
  readonly httpMethod?: string;
  readonly requestContext?: { readonly http?: { readonly method?: string }; readonly stage?: string };
  readonly headers?: Readonly<Record<string, string | undefined>>;
  readonly body?: string | null;
  readonly isBase64Encoded?: boolean;
}

interface HttpResult {
  readonly statusCode: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

const webhook = lazyFunction(environment());

/** The entry that AWS calls: `lambda.handler`. */
export async function handler(event: HttpEvent): Promise<HttpResult> {
  const headers = Object.fromEntries(
    Object.entries(event.headers ?? {}).map(([name, value]) => [name.toLowerCase(), value]),
  );
  const bytes = Buffer.from(event.body ?? '', event.isBase64Encoded === true ? 'base64' : 'utf8');
  const { status, body } = await webhook().answer({
    method: event.requestContext?.http?.method ?? event.httpMethod ?? '',
    path: pathOf(event),
    headers,
    body: () => parseBody(headers['content-type'], bytes),
  });
  return { statusCode: status, headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
}

/** HTTP APIs put a stage's name before the path; `$default` has none. */
function pathOf({ rawPath, path = '/', requestContext }: HttpEvent): string {
  const stage = `/${requestContext?.stage ?? ''}/`;
  const full = rawPath ?? path;
  return full.startsWith(stage) ? full.slice(stage.length - 1) : full;
}
