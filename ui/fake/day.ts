// A day at work, made up by a generator that always makes the same one.

import type { ApplicationTime, Band, Span, Today, TodayImage } from '../src/bindings';

const WORK: Array<[string, string[]]> = [
  ['Visual Studio Code', ['sender.rs – devpulse', 'receipt.rs – devpulse', 'architecture.md – devpulse']],
  ['Firefox', ['Pull request #214 · devpulse', 'RFC 9457: Problem Details', 'docs.rs: tokio']],
  ['Terminal', ['cargo test', 'journalctl --follow', 'git rebase']],
  ['Thunderbird', ['Inbox', 'Re: Release on Thursday']],
  ['Slack', ['#engineering', 'Direct messages']],
  ['Zoom', ['Weekly planning']],
  ['Files', ['Downloads', 'Projects']],
  ['LibreOffice Calc', ['Capacity 2027.ods']],
  ['Calculator', ['Calculator']],
  ['Document Viewer', ['wal-design.pdf']],
];

const HOUR = 3_600_000;
const MINUTE = 60_000;

export function makeDay(now: number, options: { isLong?: boolean; hasTitles?: boolean; daysAgo?: number } = {}): Today {
  const { isLong = false, hasTitles = true, daysAgo = 0 } = options;
  const midnight = new Date(now);
  midnight.setHours(0, 0, 0, 0);
  midnight.setDate(midnight.getDate() - daysAgo);
  const from = midnight.getTime();
  const to = daysAgo === 0 ? now : from + 24 * HOUR - 1;
  const lunch = from + 12.25 * HOUR;
  const bands: Band[] = [
    band('off', from, from + 8 * HOUR),
    band('idle', from + 9.8 * HOUR, from + 10.05 * HOUR),
    band('locked', lunch, lunch + 40 * MINUTE),
    band('paused', from + 13.4 * HOUR, from + 13.65 * HOUR),
  ];
  if (daysAgo > 0) {
    bands.push(band('idle', from + 15 * HOUR, from + 15.2 * HOUR), band('suspended', from + 17.5 * HOUR, to));
  }
  const end = daysAgo === 0 ? now : from + 17.5 * HOUR;
  const spans = makeSpans(from + 8.03 * HOUR, end, bands, isLong, hasTitles, daysAgo === 0);
  return {
    date: isoDate(midnight),
    from: iso(from),
    to: iso(to),
    spans,
    bands,
    applications: byApplication(spans),
    images: makeImages(from + 8.2 * HOUR, end, isLong ? 24 : 7),
    active_s: spans.reduce((sum, span) => sum + span.seconds, 0),
    idle_s: daysAgo === 0 ? 900 : 1620,
    locked_s: 2400,
    known_from: null,
  };
}

function makeSpans(start: number, end: number, bands: Band[], isLong: boolean, hasTitles: boolean, isToday: boolean) {
  const spans: Span[] = [];
  const random = generator(7);
  let at = start;
  while (at < end) {
    const inBand = bands.find((one) => at >= Date.parse(one.start) && at < Date.parse(one.end));
    if (inBand) {
      at = Date.parse(inBand.end);
      continue;
    }
    const index = Math.floor(random() ** 1.8 * WORK.length);
    const [app, titles] = WORK[index]!;
    const longest = (isLong ? 0.6 : index < 2 ? 34 : 9) * MINUTE;
    const next = Math.min(end, at + Math.max(8_000, random() ** 1.5 * longest), nextBand(bands, at));
    spans.push({
      app,
      title: hasTitles ? (titles[Math.floor(random() * titles.length)] ?? null) : null,
      start: iso(at),
      end: iso(next),
      seconds: (next - at) / 1000,
      is_delivered: end - next > 20 * MINUTE,
      is_open: isToday && next === end,
    });
    at = next;
  }
  return spans;
}

function nextBand(bands: Band[], at: number): number {
  return Math.min(...bands.map((one) => Date.parse(one.start)).filter((start) => start > at), Infinity);
}

function byApplication(spans: Span[]): ApplicationTime[] {
  const times = new Map<string, ApplicationTime>();
  for (const span of spans) {
    const time = times.get(span.app) ?? { app: span.app, seconds: 0, visits: 0 };
    times.set(span.app, { app: span.app, seconds: time.seconds + span.seconds, visits: time.visits + 1 });
  }
  return [...times.values()].sort((one, other) => other.seconds - one.seconds);
}

function makeImages(from: number, to: number, count: number): TodayImage[] {
  return Array.from({ length: count }, (_, index) => ({
    at: iso(from + ((to - from) * index) / count),
    event_id: `0193514a-0000-7000-8000-00000000${String(index).padStart(4, '0')}`,
    sha256: `${index % 7}`.repeat(64),
  }));
}

/** The same numbers every time. */
export function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) % 4_294_967_296;
    return state / 4_294_967_296;
  };
}

export const iso = (at: number) => new Date(at).toISOString();

const band = (kind: Band['kind'], start: number, end: number): Band => ({ kind, start: iso(start), end: iso(end) });

const isoDate = (date: Date) =>
  `${date.getFullYear()}-${String(date.getMonth() + 1).padStart(2, '0')}-${String(date.getDate()).padStart(2, '0')}`;
