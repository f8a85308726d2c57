import { useId, useMemo } from 'preact/hooks';
import { api } from '../../api';
import { usePolled } from '../../asking';
import type { TrendPoint } from '../../bindings';
import { clock, number } from '../../format';
import { Card, ProblemNote, Skeleton } from '../../parts/basics';
import { s } from '../../strings';
import { backlogShape } from './backlog-shape';

const POLL_MS = 30_000;
const WIDTH = 320;
const HEIGHT = 96;

/** Events that waited, over the last hour. */
export function Backlog({ pending, now }: { pending: number; now: number }) {
  const { answer, value: points, again } = usePolled(api.trend, POLL_MS);
  return (
    <Card id="backlog" title={s.backlog.title}>
      {points ? (
        <Curve points={points} pending={pending} now={now} />
      ) : answer.kind === 'failed' ? (
        <ProblemNote problem={answer.problem} again={again} />
      ) : (
        <Skeleton lines={1} height={HEIGHT + 28} />
      )}
    </Card>
  );
}

function Curve({ points, pending, now }: { points: TrendPoint[]; pending: number; now: number }) {
  const label = useId();
  const shape = useMemo(() => backlogShape(points, pending, now, WIDTH, HEIGHT), [points, pending, now]);
  if (!shape) {
    return <p class="curve-empty soft">{s.backlog.empty}</p>;
  }
  return (
    <figure class="curve" aria-labelledby={label}>
      <div class="curve-scale small soft figures" aria-hidden="true">
        <span>{number(shape.top)}</span>
        <span>0</span>
      </div>
      <svg class="curve-svg" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true">
        <path class="curve-grid" d={`M0 .5H${WIDTH}M0 ${HEIGHT / 2}H${WIDTH}M0 ${HEIGHT - 0.5}H${WIDTH}`} />
        <path class="curve-area" d={shape.area} />
        <path class="curve-line" d={shape.line} />
      </svg>
      <div class="curve-times small soft" aria-hidden="true">
        <span>{s.times.minutesAgo(60)}</span>
        <span>{s.times.minutesAgo(30)}</span>
        <span>{s.backlog.now}</span>
      </div>
      <figcaption id={label} class="small figures">
        {s.backlog.describe(pending, shape.most)}
      </figcaption>
      <div class="hidden-visually">
        <table>
          <caption>{s.backlog.title}</caption>
          <thead>
            <tr>
              <th scope="col">{s.backlog.time}</th>
              <th scope="col">{s.backlog.pending}</th>
              <th scope="col">{s.backlog.sent}</th>
            </tr>
          </thead>
          <tbody>
            {points.map((point) => (
              <tr key={point.at}>
                <th scope="row">{clock(point.at)}</th>
                <td>{number(point.pending)}</td>
                <td>{number(point.sent)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </figure>
  );
}
