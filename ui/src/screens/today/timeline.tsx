// The windows of the day in their colours, and beneath them the times in which no work was
// counted. One stop of the Tab key: the arrow keys go from window to window.

import { useMemo, useRef, useState } from 'preact/hooks';
import type { Band, Span, Today } from '../../bindings';
import { clock, clockSeconds, duration } from '../../format';
import { Card } from '../../parts/basics';
import { Segments } from '../../parts/choices';
import { s } from '../../strings';
import { BandTable } from './band-table';
import { activeHours, placeOf, type Range, spanAt, ticks, wholeDay } from './timeline-shape';

const WIDTH = 1000;
const WINDOWS = { y: 0, height: 64 };
const BANDS = { y: 70, height: 14 };
const HEIGHT = 84;
const LEAST_WIDTH = 1.4;

type Scope = 'active' | 'whole';

export function Timeline({ day, colourOf }: { day: Today; colourOf: Map<string, number> }) {
  const [scope, setScope] = useState<Scope>('active');
  const [chosen, setChosen] = useState<number | null>(null);
  const range = useMemo(() => (scope === 'active' ? activeHours(day) : wholeDay(day)), [day, scope]);
  const picture = useRef<HTMLDivElement>(null);
  const last = day.spans.length - 1;
  const span = chosen === null ? undefined : day.spans[Math.min(chosen, last)];

  const point = (event: PointerEvent) => {
    const box = picture.current?.getBoundingClientRect();
    if (box && box.width > 0) {
      const at = range.from + ((event.clientX - box.left) / box.width) * (range.to - range.from);
      setChosen(spanAt(day.spans, at));
    }
  };
  const press = (event: KeyboardEvent) => {
    const to = moved(event.key, chosen, last);
    if (to !== undefined) {
      event.preventDefault();
      setChosen(to);
    }
  };

  return (
    <Card
      id="timeline"
      title={s.today.timeline}
      aside={
        <Segments
          name="scope"
          legend={s.today.scope}
          choices={[
            ['active', s.today.activeHours],
            ['whole', s.today.wholeDay],
          ]}
          value={scope}
          onChange={setScope}
        />
      }
    >
      <div class="timeline">
        <div
          class="timeline-picture"
          ref={picture}
          {...(last >= 0 && {
            role: 'slider',
            tabIndex: 0,
            'aria-label': s.today.scrubber,
            'aria-valuemin': 0,
            'aria-valuemax': last,
            'aria-valuenow': chosen ?? 0,
            'aria-valuetext': span ? spanText(span) : s.today.hint,
          })}
          onKeyDown={press}
          onPointerMove={point}
          onPointerDown={point}
          onFocus={() => setChosen((now) => now ?? last)}
        >
          <Picture day={day} range={range} colourOf={colourOf} />
          {span && <Cursor span={span} range={range} />}
        </div>
        <div class="timeline-hours small soft figures" aria-hidden="true">
          {ticks(range).map((at) => (
            <span key={at} style={{ insetInlineStart: `${placeOf(at, range) * 100}%` }}>
              {clock(at)}
            </span>
          ))}
        </div>
      </div>
      <div class="timeline-detail">
        {span ? (
          <>
            <span class={`swatch colour-${colourOf.get(span.app) ?? 0}`} aria-hidden="true" />
            <strong class="cut">{span.app}</strong>
            <span class="cut soft">{span.title ?? s.today.noTitle}</span>
            <span class="figures detail-time">
              {spanTime(span)} · {duration(span.seconds)}
            </span>
          </>
        ) : (
          <span class="soft">{s.today.hint}</span>
        )}
      </div>
      <Legend bands={day.bands.filter((band) => across(band, range).width > 0)} />
      <BandTable bands={day.bands} />
    </Card>
  );
}

/** The index that a key leads to; `undefined` for any other key. */
export function moved(key: string, chosen: number | null, last: number): number | undefined {
  const now = chosen ?? last;
  switch (key) {
    case 'ArrowRight':
    case 'ArrowUp':
      return Math.min(last, now + 1);
    case 'ArrowLeft':
    case 'ArrowDown':
      return Math.max(0, now - 1);
    case 'PageUp':
      return Math.min(last, now + 10);
    case 'PageDown':
      return Math.max(0, now - 10);
    case 'Home':
      return 0;
    case 'End':
      return last;
    default:
      return undefined;
  }
}

function Picture({ day, range, colourOf }: { day: Today; range: Range; colourOf: Map<string, number> }) {
  return useMemo(
    () => (
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true">
        {ticks(range).map((at) => (
          <path key={at} class="timeline-tick" d={`M${placeOf(at, range) * WIDTH} 0V${HEIGHT}`} />
        ))}
        <rect class="timeline-ground" x="0" y={BANDS.y} width={WIDTH} height={BANDS.height} />
        {day.spans.map((span) => (
          <rect
            key={span.start}
            class={`colour-${colourOf.get(span.app) ?? 0}`}
            {...across(span, range)}
            y={WINDOWS.y}
            height={WINDOWS.height}
          />
        ))}
        {day.bands.map((band) => (
          <rect
            key={`${band.kind}${band.start}`}
            class={`band-${band.kind}`}
            {...across(band, range)}
            y={BANDS.y}
            height={BANDS.height}
          />
        ))}
      </svg>
    ),
    [day, range, colourOf],
  );
}

function Cursor({ span, range }: { span: Span; range: Range }) {
  const { x, width } = across(span, range);
  return (
    <span
      class="timeline-cursor"
      style={{ insetInlineStart: `${(x / WIDTH) * 100}%`, inlineSize: `max(3px, ${(width / WIDTH) * 100}%)` }}
      aria-hidden="true"
    />
  );
}

function Legend({ bands }: { bands: Band[] }) {
  const kinds = [...new Set(bands.map((band) => band.kind))];
  return (
    <ul class="legend-list small soft" aria-hidden="true">
      {kinds.map((kind) => (
        <li key={kind}>
          <span class={`swatch band-${kind}`} />
          {s.today.bands[kind]}
        </li>
      ))}
    </ul>
  );
}

function across(part: { start: string; end: string }, range: Range): { x: number; width: number } {
  const x = placeOf(Date.parse(part.start), range) * WIDTH;
  const end = placeOf(Date.parse(part.end), range) * WIDTH;
  return { x, width: end > x ? Math.max(LEAST_WIDTH, end - x) : 0 };
}

export function spanText(span: Span): string {
  return `${span.app}, ${span.title ?? s.today.noTitle}, ${spanTime(span)}, ${duration(span.seconds)}`;
}

function spanTime(span: Span): string {
  const write = span.seconds < 120 ? clockSeconds : clock;
  return s.times.range(write(span.start), write(span.end));
}
