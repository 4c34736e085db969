/** When certificates are made and replaced, by a clock of the test's own. */
import { describe, expect, jest, test } from '@jest/globals';
import { createAuthority, issueServing } from '../../certs/issue.ts';
import { bundleOf, certificatesIn, factsOf, isMatchingPair, isSignedBy } from '../../certs/pem.ts';
import { type Authority, type Leaf, nextAuthorityStep, nextLeafStep, trustedBundle } from '../../certs/policy.ts';

/** Machines that test are busy: a bound on hanging, not an expectation. */
jest.setTimeout(120_000);

const DAY = 86_400_000;
const T0 = Date.UTC(2026, 0, 1);
const lifetimes = { authorityDays: 900, leafDays: 90, publishMs: 600_000 };
const at = (days: number, published = true) => ({ now: T0 + days * DAY, lifetimes, published });

/** The long test's: the same decisions in fewer certificates. */
const short = { authorityDays: 90, leafDays: 9, publishMs: 600_000 };

const first = createAuthority('a', { now: T0, days: 900 });
const second = createAuthority('b', { now: T0 + 600 * DAY, days: 900 });
const alone: Authority = { current: first, bundle: first.cert };
const introduced: Authority = {
  current: first,
  next: { ...second, since: T0 + 600 * DAY },
  bundle: first.cert + second.cert,
};
const promoted: Authority = { current: second, bundle: second.cert + first.cert };
const leaf: Leaf = { ...issueServing(first, ['a.svc', '127.0.0.1'], { now: T0, days: 90 }), bundle: first.cert };

describe('the authority', () => {
  test.each([
    ['is made where there is none', undefined, at(0), 'create'],
    ['is kept when young', alone, at(1), 'keep'],
    ['is kept just before two thirds of its life', alone, at(599.9), 'keep'],
    ['gets a successor at two thirds of its life', alone, at(600.1), 'introduce'],
    ['is made anew when it ended without one', alone, at(901), 'create'],
    [
      "is made anew when its key is another's",
      { ...alone, current: { cert: first.cert, key: second.key } },
      at(1),
      'create',
    ],
    ['waits for its successor to be published', introduced, at(601, false), 'keep'],
    ['waits for mounted files to follow', introduced, { ...at(600), now: T0 + 600 * DAY + 599_999 }, 'keep'],
    [
      'gives way when its successor is published everywhere',
      introduced,
      { ...at(600), now: T0 + 600 * DAY + 600_000 },
      'promote',
    ],
    ['gives way at its end, published or not', introduced, at(901, false), 'promote'],
    ['stays in the bundle after its successor took over', promoted, at(700), 'keep'],
    ['leaves the bundle at its end', promoted, at(901), 'bundle'],
  ] as const)('%s', (_name, authority, situation, step) => {
    expect(nextAuthorityStep(authority, situation).step).toBe(step);
  });

  test('its bundle drops what ended and holds each once', () => {
    const step = nextAuthorityStep({ ...promoted, bundle: promoted.bundle + second.cert }, at(901));
    expect(step).toEqual({ step: 'bundle', bundle: second.cert });
    expect(certificatesIn(trustedBundle(introduced, T0 + 601 * DAY))).toEqual([first.cert, second.cert]);
  });
});

describe('a serving certificate', () => {
  const names = ['a.svc'];
  test.each([
    ['is made where there is none', undefined, { names, authority: alone }, 0, { step: 'issue', reason: 'absent' }],
    ['is kept when young', leaf, { names, authority: alone }, 1, { step: 'keep' }],
    [
      'is replaced at two thirds of its life',
      leaf,
      { names, authority: alone },
      60.1,
      { step: 'issue', reason: 'past two thirds of its life' },
    ],
    [
      'is replaced when a name is missing',
      leaf,
      { names: ['a.svc', 'b.svc'], authority: alone },
      1,
      { step: 'issue', reason: 'a name is missing' },
    ],
    [
      'is kept while a successor of its authority is introduced, and its clients trust both',
      leaf,
      { names, authority: introduced },
      1,
      { step: 'bundle', bundle: introduced.bundle },
    ],
    [
      'is replaced when another authority took over',
      leaf,
      { names, authority: promoted },
      1,
      { step: 'issue', reason: 'signed by another authority' },
    ],
    [
      "is replaced when its key is another's",
      { ...leaf, key: first.key },
      { names, authority: alone },
      1,
      { step: 'issue', reason: 'unreadable' },
    ],
    [
      'is replaced when asked for',
      leaf,
      { names, authority: alone, madeAfter: T0 + DAY },
      1,
      { step: 'issue', reason: 'asked for' },
    ],
  ] as const)('%s', (_name, present, wish, days, step) => {
    expect(nextLeafStep(present, wish, T0 + days * DAY)).toEqual(step);
  });
});

test('over two and a half lives of an authority, at every step, each leaf in use is signed by an authority in each bundle in use', () => {
  let authority: Authority | undefined;
  let current: Leaf | undefined;
  let served: Leaf | undefined;
  let publishedBundle = '';
  const rotations = { authority: 0, leaf: 0 };
  for (let hour = 0; hour < 225 * 24; hour += 12) {
    const now = T0 + hour * 3_600_000;
    const isPublished = authority === undefined || publishedBundle === authority.bundle;
    const step = nextAuthorityStep(authority, { now, lifetimes: short, published: isPublished });
    if (step.step === 'create') {
      const made = createAuthority('x', { now, days: short.authorityDays });
      authority = { current: made, bundle: bundleOf([made.cert], now) };
      rotations.authority += 1;
    } else if (authority !== undefined) authority = afterStep(authority, step, now);
    if (authority === undefined) throw new Error('no authority');
    const leafStep = nextLeafStep(current, { names: ['a.svc'], authority }, now);
    if (leafStep.step === 'issue') {
      current = {
        ...issueServing(authority.current, ['a.svc'], { now, days: short.leafDays }),
        bundle: authority.bundle,
      };
      rotations.leaf += 1;
    } else if (leafStep.step === 'bundle' && current !== undefined) current = { ...current, bundle: leafStep.bundle };
    // One replica still serves the former leaf, and one configuration still carries the former bundle, for one step.
    const leaves = [served, current].filter((pair) => pair !== undefined);
    const bundles = [publishedBundle, authority.bundle].filter((bundle) => bundle !== '');
    for (const pair of leaves) {
      expect((factsOf(pair.cert)?.notAfter ?? 0) > now).toBe(true);
      for (const bundle of bundles) expect(certificatesIn(bundle).some((ca) => isSignedBy(pair.cert, ca))).toBe(true);
    }
    publishedBundle = authority.bundle;
    served = current;
  }
  expect(rotations.authority).toBe(1); // Made once: everything after is an introduction and a promotion.
  expect(rotations.leaf).toBeGreaterThan(30);
});

function afterStep(authority: Authority, step: ReturnType<typeof nextAuthorityStep>, now: number): Authority {
  const withBundle = (changed: Authority): Authority => ({ ...changed, bundle: trustedBundle(changed, now) });
  switch (step.step) {
    case 'introduce':
      return withBundle({
        ...authority,
        next: { ...createAuthority('x', { now, days: short.authorityDays }), since: now },
      });
    case 'promote':
      return withBundle({ current: authority.next ?? authority.current, bundle: authority.bundle });
    case 'bundle':
      return { ...authority, bundle: step.bundle };
    default:
      return authority;
  }
}

describe('what is made', () => {
  test('is good for its names, from an hour before now, and never longer than its authority', () => {
    const short = createAuthority('short', { now: T0, days: 10 });
    const pair = issueServing(short, ['a.svc', '10.0.0.1', 'fd00::1'], { now: T0, days: 90 });
    expect(factsOf(pair.cert)).toMatchObject({
      names: ['a.svc', '10.0.0.1', 'FD00:0:0:0:0:0:0:1'],
      notBefore: T0 - 3_600_000,
      notAfter: factsOf(short.cert)?.notAfter,
    });
    expect([isMatchingPair(pair), isSignedBy(pair.cert, short.cert), isSignedBy(pair.cert, first.cert)]).toEqual([
      true,
      true,
      false,
    ]);
  });

  test('unreadable text has no facts, is no pair and in no bundle', () => {
    expect([factsOf('x'), factsOf(undefined), isMatchingPair({ cert: 'x', key: 'y' }), bundleOf(['x'], T0)]).toEqual([
      undefined,
      undefined,
      false,
      '',
    ]);
  });
});
