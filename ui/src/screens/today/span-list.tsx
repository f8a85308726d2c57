import { useMemo, useState } from 'preact/hooks';
import type { Span } from '../../bindings';
import { clock, duration } from '../../format';
import { Badge, Button, Card } from '../../parts/basics';
import { s } from '../../strings';

const PAGE = 50;

/** Every stretch of the day, the latest first, a page at a time. */
export function SpanList({ spans, colourOf }: { spans: Span[]; colourOf: Map<string, number> }) {
  const [shown, setShown] = useState(12);
  const latestFirst = useMemo(() => [...spans].reverse(), [spans]);
  const rest = latestFirst.length - shown;
  return (
    <Card id="windows" title={s.today.windows} aside={s.today.windowsCount(spans.length)}>
      <table class="spans">
        <colgroup>
          <col class="span-time" />
          <col />
          <col class="span-length" />
        </colgroup>
        <thead class="hidden-visually">
          <tr>
            <th scope="col">{s.today.time}</th>
            <th scope="col">{s.today.application}</th>
            <th scope="col">{s.today.length}</th>
          </tr>
        </thead>
        <tbody>
          {latestFirst.slice(0, shown).map((span) => (
            <tr key={span.start}>
              <td class="span-time figures soft">{clock(span.start)}</td>
              <td class="span-what">
                <span class="span-app">
                  <span class={`swatch colour-${colourOf.get(span.app) ?? 0}`} aria-hidden="true" />
                  <strong class="cut">{span.app}</strong>
                  {span.is_open && <Badge tone="accent">{s.today.open}</Badge>}
                  {!span.is_open && !span.is_delivered && <Badge tone="calm">{s.today.waits}</Badge>}
                </span>
                <span class="span-title small soft cut" title={span.title ?? undefined}>
                  {span.title ?? s.today.noTitle}
                </span>
              </td>
              <td class="span-length figures">{duration(span.seconds)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      {rest > 0 && (
        <div class="actions">
          <Button name="more-windows" look="quiet" onClick={() => setShown(shown + PAGE)}>
            {s.common.more(Math.min(PAGE, rest))}
          </Button>
        </div>
      )}
    </Card>
  );
}
