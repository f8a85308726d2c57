// Where the day's windows and bands lie on the timeline, and in which colour.

import type { ApplicationTime, Today } from '../../bindings';

export const COLOURS = 8;
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
/** What the edges of the active hours fall on; a short day is shown as large as a long one. */
const EDGES_MS = [5 * MINUTE_MS, 15 * MINUTE_MS, HOUR_MS];
/** Minutes between two marks. */
const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 180, 240, 360, 720];

export interface Range {
  from: number;
  to: number;
}

/** The whole day, up to its last hour begun. */
export function wholeDay(day: Today): Range {
  const from = Date.parse(day.from);
  return { from, to: Math.max(Date.parse(day.to), from + 24 * HOUR_MS) };
}

/** Whole hours around what happened, or parts of one where that was short; the whole day where nothing did. */
export function activeHours(day: Today): Range {
  const shown = [...day.spans, ...day.bands.filter((band) => band.kind !== 'off' && band.kind !== 'suspended')];
  if (shown.length === 0) {
    return wholeDay(day);
  }
  const begin = Date.parse(day.from);
  const first = Math.min(...shown.map((one) => Date.parse(one.start)));
  const last = Math.max(...shown.map((one) => Date.parse(one.end)));
  const edge = EDGES_MS.find((one) => last - first <= 4 * one) ?? HOUR_MS;
  const from = begin + Math.floor((first - begin) / edge) * edge;
  return { from, to: Math.max(from + edge, begin + Math.ceil((last - begin) / edge) * edge) };
}

/** A part of the range, from 0 to 1. */
export function placeOf(at: number, range: Range): number {
  return Math.min(1, Math.max(0, (at - range.from) / (range.to - range.from)));
}

/** Full hours or minutes within the range, at most about eight. */
export function ticks(range: Range, most = 8): number[] {
  const minutes = (range.to - range.from) / MINUTE_MS;
  const step = STEPS.find((one) => minutes / one <= most) ?? 24 * 60;
  const marks: number[] = [];
  for (let at = range.from; at <= range.to; at += step * MINUTE_MS) {
    marks.push(at);
  }
  return marks;
}

/**
 * A colour from 1 to 8 for each of the eight applications with the most time; 0 for the others.
 * An application keeps its colour while ranks change, as long as the eight are the same.
 */
export function colours(applications: ApplicationTime[]): Map<string, number> {
  const taken = new Map<number, string>();
  const chosen = applications.slice(0, COLOURS).map((one) => one.app);
  for (const app of [...chosen].sort()) {
    let slot = hash(app) % COLOURS;
    while (taken.has(slot)) {
      slot = (slot + 1) % COLOURS;
    }
    taken.set(slot, app);
  }
  return new Map([...taken].map(([slot, app]) => [app, slot + 1]));
}

/** The span at a moment, or the nearest one; -1 where there is none. */
export function spanAt(spans: Array<{ start: string; end: string }>, at: number): number {
  let best = -1;
  let least = Infinity;
  spans.forEach((span, index) => {
    const distance = Math.max(Date.parse(span.start) - at, at - Date.parse(span.end), 0);
    if (distance < least) {
      least = distance;
      best = index;
    }
  });
  return best;
}

function hash(text: string): number {
  let value = 0;
  for (const character of text) {
    value = (value * 31 + (character.codePointAt(0) ?? 0)) >>> 0;
  }
  return value;
}
