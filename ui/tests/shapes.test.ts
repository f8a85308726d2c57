import { expect, test } from 'vitest';
import { makeEvents } from '../fake/events';
import { SETTINGS } from '../fake/texts';
import { neighbour } from '../src/parts/tabs';
import { jsonParts } from '../src/screens/outbox/json-parts';
import { groups, readable } from '../src/screens/settings/groups';
import { backlogShape, niceTop } from '../src/screens/status/backlog-shape';
import { defaultPause, pauseChoices } from '../src/screens/status/pause-choices';

const NOW = Date.parse('2026-11-20T14:32:00Z');
const point = (minutesAgo: number, pending: number) => ({
  at: new Date(NOW - minutesAgo * 60_000).toISOString(),
  pending,
  sent: 0,
  captured: 0,
});

test('the parts of a JSON text joined are that text', () => {
  for (const event of makeEvents('pending', 12, NOW)) {
    expect(jsonParts(event.json).map((part) => part.text).join('')).toBe(event.json);
  }
});

test('a colon or a digit inside a text does not end it', () => {
  const kinds = jsonParts('{"a": "b\\": 12", "n": -1.5e3, "t": true}').filter((part) => part.kind !== 'plain');
  expect(kinds).toEqual([
    { kind: 'name', text: '"a"' },
    { kind: 'text', text: '"b\\": 12"' },
    { kind: 'name', text: '"n"' },
    { kind: 'number', text: '-1.5e3' },
    { kind: 'name', text: '"t"' },
    { kind: 'word', text: 'true' },
  ]);
});

test('the curve ends at what waits now, at the right edge', () => {
  const shape = backlogShape([point(30, 0), point(1, 40)], 80, NOW, 320, 96);
  expect(shape?.most).toBe(80);
  expect(shape?.end).toEqual({ x: 320, y: 19.2 });
});

test('one point is no curve, and points older than an hour are left out', () => {
  expect(backlogShape([point(1, 4)], 4, NOW, 320, 96)).toBeNull();
  expect(backlogShape([point(90, 400), point(1, 4)], 4, NOW, 320, 96)).toBeNull();
});

test('the top of the scale is a round number that holds the value', () => {
  expect([0, 10, 11, 21, 500, 501].map(niceTop)).toEqual([10, 10, 20, 50, 500, 1000]);
});

test('the pauses to choose from never exceed what the policy allows', () => {
  expect(pauseChoices(60)).toEqual([5, 15, 30, 60]);
  expect(pauseChoices(3)).toEqual([3]);
  expect(pauseChoices(45)).toEqual([5, 15, 30, 45]);
  expect(Math.max(...pauseChoices(1440))).toBe(1440);
  expect(defaultPause(pauseChoices(3))).toBe(3);
  expect(defaultPause(pauseChoices(60))).toBe(15);
});

test('a search looks at names, values, origins and variables, and every word counts', () => {
  const names = (query: string) => groups(SETTINGS, query).flatMap((group) => group.rows.map((row) => row.name));
  expect(names('DEVPULSE_LOG')).toEqual(['log']);
  expect(names('screenshot server')).toEqual(['screenshot.interval_s']);
  expect(names('nothing like it')).toEqual([]);
  expect(names('')).toHaveLength(SETTINGS.length);
});

test('settings without a dot come first', () => {
  expect(groups(SETTINGS, '')[0]?.name).toBe('');
});

test('a text is read without its quotes, and what is no JSON as it is', () => {
  expect(readable('"https://a.example"')).toBe('https://a.example');
  expect(readable('""')).toBe('""');
  expect(readable('600')).toBe('600');
  expect(readable('not json')).toBe('not json');
});

test('the arrow keys go round the tabs', () => {
  expect(neighbour('ArrowRight', 2, 3)).toBe(0);
  expect(neighbour('ArrowLeft', 0, 3)).toBe(2);
  expect(neighbour('a', 0, 3)).toBeUndefined();
});
