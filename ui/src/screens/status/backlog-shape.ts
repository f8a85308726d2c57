// The backlog's curve, as paths of an SVG.

import type { TrendPoint } from '../../bindings';

export const HOUR_MS = 3_600_000;

export interface Shape {
  line: string;
  area: string;
  top: number;
  most: number;
  end: { x: number; y: number };
}

/** `null` with fewer than two points. The newest value is drawn at the right edge. */
export function backlogShape(points: TrendPoint[], latest: number, now: number, width: number, height: number): Shape | null {
  const known = points
    .map((point) => ({ at: Date.parse(point.at), pending: point.pending }))
    .filter((point) => point.at >= now - HOUR_MS && point.at <= now);
  if (known.length < 2) {
    return null;
  }
  known.push({ at: now, pending: latest });
  const most = Math.max(...known.map((point) => point.pending));
  const top = niceTop(most);
  const places = known.map((point) => ({
    x: round(((point.at - (now - HOUR_MS)) / HOUR_MS) * width),
    y: round(height - (point.pending / top) * height),
  }));
  const line = places.map(({ x, y }, index) => `${index === 0 ? 'M' : 'L'}${x} ${y}`).join('');
  const first = places[0]!;
  const end = places[places.length - 1]!;
  return { line, area: `${line}L${end.x} ${height}L${first.x} ${height}Z`, top, most, end };
}

/** The next of 10, 20, 50, 100, 200, … that holds `value`. */
export function niceTop(value: number): number {
  let power = 10;
  for (;;) {
    for (const step of [1, 2, 5]) {
      if (value <= step * power) {
        return step * power;
      }
    }
    power *= 10;
  }
}

const round = (value: number) => Math.round(value * 10) / 10;
