/** The reference of the webhook benchmark: a bare Node https server that answers a constant review. */
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';

const [port, cert, key] = process.argv.slice(2);
const patch = Buffer.from(
  '[{"op":"add","path":"/metadata/annotations","value":{"opencontrail.org/assignment":"{}"}}]',
).toString('base64');

createServer({ cert: readFileSync(cert ?? ''), key: readFileSync(key ?? '') }, (request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    const { request: review } = JSON.parse(Buffer.concat(chunks).toString()) as { request: { uid: string } };
    const answer = { uid: review.uid, allowed: true, patchType: 'JSONPatch', patch };
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify({ apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', response: answer }));
  });
}).listen(Number(port), '127.0.0.1');
