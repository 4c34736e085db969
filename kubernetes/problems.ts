/** What users are told about their annotations: the key, the value, what is wrong and what to write instead. Pure. */
import { ANNOTATION } from './annotations.ts';
import { type AnnotatedKind, type AnnotationDefinition, REQUESTS, RESULTS } from './annotation-contract.ts';

/** One thing wrong with an annotation. */
export interface AnnotationProblem {
  /** The annotation's key, or the path of a resource's field, `spec.…`. */
  readonly annotation: string;
  readonly value: string;
  readonly problem: string;
  readonly mend: string;
}

/** What the annotations of one object add up to, besides what they ask for. */
export interface AnnotationReview {
  readonly problems: readonly AnnotationProblem[];
  /** Sentences for users whose request is admitted but has no effect. */
  readonly warnings: readonly string[];
}

/** Longer values are cut in messages. */
const LONGEST_VALUE = 120;

/** One sentence: `annotation opencontrail.org/isolation: "yes" is none of …; write "true" …`. */
export function problemText({ annotation, value, problem, mend }: AnnotationProblem): string {
  const shown = value.length > LONGEST_VALUE ? `${value.slice(0, LONGEST_VALUE)}…` : value;
  if (annotation.startsWith('spec.')) return `${annotation}: "${shown}" ${problem}; ${mend}`;
  return `annotation ${annotation}: "${shown}" ${problem}; ${mend}, or remove the annotation`;
}

/**
 * Judges an object's request annotations. Where `before` is given (an update), only those that changed are judged, so
 * that an old mistake never blocks an unrelated update.
 */
export function reviewAnnotations(
  kind: AnnotatedKind,
  annotations: Readonly<Record<string, string>>,
  before?: Readonly<Record<string, string>>,
): AnnotationReview {
  const written = REQUESTS.filter(({ key, on }) => on.includes(kind) && annotations[key] !== undefined);
  const judged = written.filter(({ key }) => before?.[key] !== annotations[key]);
  return {
    problems: judged.flatMap((definition) => problemOf(definition, annotations[definition.key] ?? '')),
    warnings: [
      ...judged.flatMap((definition) => warningOf(definition, annotations[definition.key] ?? '')),
      ...Object.keys(annotations)
        .filter((key) => before?.[key] !== annotations[key])
        .flatMap((key) => strangerOf(key, kind)),
    ],
  };
}

/** A key of ours that says nothing here is most often mistyped, or another object's. */
function strangerOf(key: string, kind: AnnotatedKind): readonly string[] {
  const on = CONTRACT.get(key);
  if (!key.startsWith(OUR_PREFIX) || key === ANNOTATION.podState || on?.includes(kind) === true) return [];
  const shown = key.length > LONGEST_KEY ? `${key.slice(0, LONGEST_KEY)}…` : key;
  if (on === undefined) return [`annotation ${shown} is none that OpenContrail knows, and has no effect`];
  return [`annotation ${shown} has no effect on a ${kind}, but on a ${on[0] ?? ''}`];
}

const OUR_PREFIX = 'opencontrail.org/';
const CONTRACT = new Map([...REQUESTS, ...RESULTS].map(({ key, on }) => [key, on]));

/** The API server likes warnings of no more than 120 characters. */
const LONGEST_KEY = 60;

function problemOf(definition: AnnotationDefinition, value: string): readonly AnnotationProblem[] {
  const { key, served, parse } = definition;
  const parsed = parse(value);
  // What former systems ignored cannot be refused now: the object was fine for them.
  if (!parsed.ok)
    return served === 'older' ? [] : [{ annotation: key, value, problem: parsed.problem, mend: parsed.mend }];
  if (served !== 'refused') return [];
  return [
    { annotation: key, value, problem: 'is not served by this version', mend: 'use the cluster or namespace mode' },
  ];
}

function warningOf({ key, served, parse }: AnnotationDefinition, value: string): readonly string[] {
  const parsed = parse(value);
  if (!parsed.ok || parsed.value === false) return []; // What is switched off has no effect to miss.
  if (served === 'warned') return [`annotation ${key} has no effect in this version of OpenContrail`];
  return served === 'older' ? [`annotation ${key} is a spelling of older systems and has no effect`] : [];
}
