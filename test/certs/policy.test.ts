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
  ] as const)('%s', (...[, present, wish, days, step]) => {
    expect(nextLeafStep(present, wish, T0 + days * DAY)).toEqual(step);
  });
});

/** An installation as time passes: what is stored, and what the slowest replica and configuration still use. */
class Installation {
  authority: Authority;
  leaf: Leaf;
  servedLeaf: Leaf;
  publishedBundle: string;
  readonly made = { authorities: 1, leaves: 1 };

  constructor(now: number) {
    const current = createAuthority('x', { now, days: short.authorityDays });
    this.authority = { current, bundle: current.cert };
    this.leaf = this.issued(now);
    this.servedLeaf = this.leaf;
    this.publishedBundle = current.cert;
  }

  /** One pass; then what was stored before it is used no longer, and what it stored is. */
  pass(now: number): void {
    this.servedLeaf = this.leaf;
    const isPublished = this.publishedBundle === this.authority.bundle;
    this.publishedBundle = this.authority.bundle;
    this.authority = this.stepped(
      nextAuthorityStep(this.authority, { now, lifetimes: short, published: isPublished }),
      now,
    );
    const step = nextLeafStep(this.leaf, { names: ['a.svc'], authority: this.authority }, now);
    if (step.step === 'issue') {
      this.leaf = this.issued(now);
      this.made.leaves += 1;
    } else if (step.step === 'bundle') this.leaf = { ...this.leaf, bundle: step.bundle };
  }

  private issued(now: number): Leaf {
    return {
      ...issueServing(this.authority.current, ['a.svc'], { now, days: short.leafDays }),
      bundle: this.authority.bundle,
    };
  }

  private stepped(step: ReturnType<typeof nextAuthorityStep>, now: number): Authority {
    const { authority } = this;
    const withBundle = (changed: Authority): Authority => ({ ...changed, bundle: trustedBundle(changed, now) });
    if (step.step === 'create') throw new Error(`made anew: ${step.reason}`);
    if (step.step === 'introduce') {
      this.made.authorities += 1;
      return withBundle({
        ...authority,
        next: { ...createAuthority('x', { now, days: short.authorityDays }), since: now },
      });
    }
    if (step.step === 'promote')
      return withBundle({ current: authority.next ?? authority.current, bundle: authority.bundle });
    return step.step === 'bundle' ? { ...authority, bundle: step.bundle } : authority;
  }
}

test('over two and a half lives of an authority, each leaf in use is signed by an authority in each bundle in use', () => {
  const installation = new Installation(T0);
  for (let now = T0; now < T0 + 225 * DAY; now += DAY / 2) {
    installation.pass(now);
    const { leaf: stored, servedLeaf, authority, publishedBundle } = installation;
    for (const pair of [stored, servedLeaf]) {
      expect((factsOf(pair.cert)?.notAfter ?? 0) > now).toBe(true);
      for (const bundle of [authority.bundle, publishedBundle]) {
        expect(certificatesIn(bundle).some((ca) => isSignedBy(pair.cert, ca))).toBe(true);
      }
    }
  }
  expect(installation.made.authorities).toBe(4);
  expect(installation.made.leaves).toBeGreaterThan(30);
});

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
