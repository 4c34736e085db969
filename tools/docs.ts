/** `npm run docs [-- --check]`: writes the references that are generated from code, or says which of them are stale. */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type AnnotationDefinition, REQUESTS, RESULTS } from '../kubernetes/annotation-contract.ts';
import { MODE_LABEL } from '../kubernetes/annotations.ts';

const SERVED: Readonly<Record<AnnotationDefinition['served'], string>> = {
  yes: 'yes',
  refused: 'no: the object is refused',
  warned: 'no: admitted with a warning',
  older: 'no: an older spelling, admitted with a warning',
};

const DOCUMENTS: readonly { readonly path: string; readonly text: string }[] = [
  { path: 'docs/annotations.md', text: annotationsDocument() },
];

const isCheck = process.argv.includes('--check');
const stale = DOCUMENTS.filter(({ path, text }) => contentOf(path) !== text);
for (const { path, text } of stale) {
  if (!isCheck) writeFileSync(pathOf(path), text);
  console.log(`${path} ${isCheck ? 'is stale: run npm run docs' : 'written'}`);
}
if (isCheck && stale.length > 0) process.exitCode = 1;

function annotationsDocument(): string {
  return `# Annotations

Generated from \`kubernetes/annotation-contract.ts\` by \`npm run docs\`. Users write requests; this project writes results.
A key of \`opencontrail.org/\` on a pod or a namespace that is none of these, or another object's, is admitted with a warning.
So is any of these on a pod of the host network, which has no interface of ours.

## Requests

${REQUESTS.map(section).join('\n')}
## Results

Only this project's own service accounts may write these. The mutating webhook overwrites them when an object is created, so
restored and exported objects may carry them; a ValidatingAdmissionPolicy refuses anybody else's change of a pod's or a namespace's afterwards.

${RESULTS.map(section).join('\n')}
## Label

\`${MODE_LABEL}\` on a namespace repeats the mode of its assignment (\`cluster\` or \`namespace\`), for selectors. It is a result too.
`;
}

function section({ key, on, role, meaning, form, example, served }: AnnotationDefinition): string {
  const rows = [`- on: ${on.join(', ')}`, `- form: ${form}`, `- example: \`${example}\``];
  if (role === 'request') rows.push(`- served by this version: ${SERVED[served]}`);
  return `### \`${key}\`\n\n${meaning}\n\n${rows.join('\n')}\n`;
}

function contentOf(path: string): string | undefined {
  try {
    return readFileSync(pathOf(path), 'utf8');
  } catch {
    return undefined; // Not written yet, which makes it stale.
  }
}

function pathOf(path: string): string {
  return fileURLToPath(new URL(`../${path}`, import.meta.url));
}
