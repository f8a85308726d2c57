import { expect, test } from 'vitest';
import { ago, bytes, countdown, duration, sentence, until } from '../src/format';
import { localeFor } from '../src/strings';

const NOW = Date.parse('2026-11-20T12:00:00Z');
const before = (seconds: number) => new Date(NOW - seconds * 1000).toISOString();

test('a duration names its two largest units', () => {
  expect([0, 45, 60, 750, 3600, 11_550, 200_000].map(duration)).toEqual([
    '0 s', '45 s', '1 min', '12 min', '1 h', '3 h 12 min', '2 days',
  ]);
});

test('a time below three seconds ago is now', () => {
  expect(ago(before(2), NOW)).toBe('just now');
  expect(ago(before(12), NOW)).toBe('12 s ago');
});

test('a clock that runs ahead does not show times in the future', () => {
  expect(ago(before(-30), NOW)).toBe('just now');
});

test('what is more than a day ago bears its date', () => {
  expect(ago(before(90_000), NOW)).toMatch(/Nov/);
});

test('an attempt that is due is now', () => {
  expect(until(before(5), NOW)).toBe('now');
  expect(until(before(-48), NOW)).toBe('in 48 s');
});

test('a countdown ends at zero', () => {
  expect(countdown(before(-598), NOW)).toBe('09:58');
  expect(countdown(before(-3_605), NOW)).toBe('1:00:05');
  expect(countdown(before(10), NOW)).toBe('00:00');
});

test('sizes keep one digit below ten', () => {
  expect([512, 2048, 9_900, 48_400_000].map(bytes)).toEqual(['512 B', '2 KB', '9.7 KB', '46 MB']);
});

test('a language that is none does not stop the window', () => {
  expect([undefined, '', 'c', 'C', 'de-AT', 'en-US'].map(localeFor)).toEqual([
    'en-US', 'en-GB', 'en-GB', 'en-GB', 'en-AT', 'en-US',
  ]);
});

test('a sentence begins with a capital letter, and a name that is written small stays as it is', () => {
  expect(['the server is gone', 'a', 'no route to host', 'events, and images', 'organisation’s'].map(sentence)).toEqual([
    'The server is gone', 'A', 'No route to host', 'Events, and images', 'Organisation’s',
  ]);
  const names = ['devpulse-client run', 'https://pulse.example.com is gone', 'config.toml is damaged', '38 events', 'X11', ''];
  expect(names.map(sentence)).toEqual(names);
});
