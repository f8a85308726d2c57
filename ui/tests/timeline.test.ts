import { expect, test } from 'vitest';
import { iso, makeDay } from '../fake/day';
import { moved } from '../src/screens/today/timeline';
import { activeHours, colours, placeOf, spanAt, ticks, wholeDay } from '../src/screens/today/timeline-shape';

const NOW = Date.parse('2026-11-20T14:32:00Z');
const day = makeDay(NOW);
const HOUR = 3_600_000;
const app = (name: string, seconds: number) => ({ app: name, seconds, visits: 1 });

test('the active hours are whole hours that hold every window', () => {
  const range = activeHours(day);
  expect((range.from - Date.parse(day.from)) % HOUR).toBe(0);
  for (const span of day.spans) {
    expect(Date.parse(span.start)).toBeGreaterThanOrEqual(range.from);
    expect(Date.parse(span.end)).toBeLessThanOrEqual(range.to);
  }
});

test('a first minute of work is not a hair on an hour', () => {
  const first = Date.parse(day.spans[0]!.start);
  const short = { ...day, spans: [{ ...day.spans[0]!, end: iso(first + HOUR / 60) }], bands: [] };
  const range = activeHours(short);
  expect(range.to - range.from).toBeLessThanOrEqual(HOUR / 6);
  expect(range.from).toBeLessThanOrEqual(first);
  expect(range.to).toBeGreaterThanOrEqual(first + HOUR / 60);
  expect(ticks(range).length).toBeGreaterThan(2);
});

test('a day without windows shows all of its hours', () => {
  const empty = { ...day, spans: [], bands: [] };
  expect(activeHours(empty)).toEqual(wholeDay(empty));
});

test('a place outside the range lies on its edge', () => {
  const range = { from: 0, to: 100 };
  expect([-5, 0, 25, 100, 400].map((at) => placeOf(at, range))).toEqual([0, 0, 0.25, 1, 1]);
});

test('there are never more than nine marks, however long the range', () => {
  for (let minutes = 5; minutes <= 24 * 60; minutes += 5) {
    expect(ticks({ from: 0, to: (minutes * HOUR) / 60 }).length).toBeLessThanOrEqual(9);
  }
});

test('the eight applications with the most time have a colour each', () => {
  const many = Array.from({ length: 12 }, (_, index) => app(`app ${index}`, 100 - index));
  const colourOf = colours(many);
  expect(new Set(colourOf.values()).size).toBe(8);
  expect(colourOf.has('app 8')).toBe(false);
});

test('an application keeps its colour when ranks change', () => {
  const first = colours([app('a', 9), app('b', 5), app('c', 1)]);
  const later = colours([app('c', 20), app('a', 9), app('b', 8)]);
  expect(later.get('a')).toBe(first.get('a'));
  expect(later.get('c')).toBe(first.get('c'));
});

test('a moment between two windows belongs to the nearer one', () => {
  const spans = [
    { start: iso(0), end: iso(100) },
    { start: iso(200), end: iso(300) },
  ];
  expect([50, 120, 190, 9_000].map((at) => spanAt(spans, at))).toEqual([0, 0, 1, 1]);
  expect(spanAt([], 5)).toBe(-1);
});

test('the keys stay within the day', () => {
  expect(moved('ArrowRight', 4, 4)).toBe(4);
  expect(moved('ArrowLeft', 0, 4)).toBe(0);
  expect(moved('PageDown', 3, 40)).toBe(0);
  expect(moved('Home', 3, 40)).toBe(0);
  expect(moved('End', 3, 40)).toBe(40);
  expect(moved('x', 3, 40)).toBeUndefined();
});
