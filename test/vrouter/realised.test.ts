/** Which revision stands in the kernel. */
import { expect, test } from '@jest/globals';
import { createRealised } from '../../vrouter/realised.ts';

const at = (revision: number) => ({ revision, epoch: 'e' });

test('a revision stands when the round that began with it has ended', () => {
  const realised = createRealised();
  realised.changed(at(5));
  const ends = realised.begin();
  expect(realised.position()).toBeUndefined();
  ends();
  expect(realised.position()).toEqual(at(5));
});

test('a change during a round stands after the next one', () => {
  const realised = createRealised();
  realised.changed(at(5));
  const ends = realised.begin();
  realised.changed(at(6));
  realised.passed(at(7));
  ends();
  expect(realised.position()).toEqual(at(5));
  realised.begin()();
  expect(realised.position()).toEqual(at(7));
});

test('a change whose round has failed does not stand, whatever passes after it', () => {
  const realised = createRealised();
  realised.changed(at(5));
  realised.begin()();
  realised.changed(at(6));
  realised.begin();
  realised.passed(at(7));
  expect(realised.position()).toEqual(at(5));
});

test('changes of others stand at once, and during a round with it', () => {
  const realised = createRealised();
  realised.changed(at(5));
  const ends = realised.begin();
  realised.passed(at(6));
  ends();
  expect(realised.position()).toEqual(at(6));
  realised.passed(at(9));
  expect(realised.position()).toEqual(at(9));
});
