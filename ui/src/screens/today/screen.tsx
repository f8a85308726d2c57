// The day as it was captured.

import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { api } from '../../api';
import { useAnswer } from '../../asking';
import type { Today } from '../../bindings';
import { day as dayName, duration, shortMoment } from '../../format';
import { Card, Empty, Note, ProblemNote, Skeleton } from '../../parts/basics';
import { Segments } from '../../parts/choices';
import { s } from '../../strings';
import { Applications } from './applications';
import { Images } from './images';
import { SpanList } from './span-list';
import { colours } from './timeline-shape';
import { Timeline } from './timeline';

const REFRESH_MS = 5000;

/** `captured` grows with every event; the day is asked for again some seconds after it did. */
export function TodayScreen({ captured }: { captured: number }) {
  const [daysAgo, setDaysAgo] = useState(0);
  const { answer, value, again } = useAnswer(
    () => api.today(daysAgo).then((day) => ({ daysAgo, day })),
    daysAgo,
  );
  const day = value?.daysAgo === daysAgo ? value.day : null;
  useLater(again, captured, daysAgo === 0);
  const shown = useMemo(() => day && <Day key={day.date} day={day} isToday={daysAgo === 0} />, [day, daysAgo]);
  return (
    <div class="screen">
      <div class="screen-head">
        <div>
          <h1>{daysAgo === 0 ? s.today.title : s.today.yesterday}</h1>
          <p class="soft today-date">{day ? dayName(day.date) : ' '}</p>
        </div>
        <Segments
          name="day"
          legend={s.today.day}
          choices={[
            [1, s.today.yesterday],
            [0, s.today.title],
          ]}
          value={daysAgo}
          onChange={setDaysAgo}
        />
      </div>
      {answer.kind === 'failed' && <ProblemNote problem={answer.problem} again={again} />}
      {shown ?? (answer.kind !== 'failed' && <DaySkeleton />)}
    </div>
  );
}

function Day({ day, isToday }: { day: Today; isToday: boolean }) {
  const colourOf = useMemo(() => colours(day.applications), [day.applications]);
  const isEmpty = day.spans.length === 0 && day.bands.every((band) => band.kind === 'off');
  return (
    <>
      {day.known_from && (
        <Note tone="calm">
          <span>{s.today.knownFrom(shortMoment(day.known_from))}</span>
        </Note>
      )}
      <dl class="totals">
        {(
          [
            [s.today.active, day.active_s],
            [s.today.idle, day.idle_s],
            [s.today.locked, day.locked_s],
          ] as const
        ).map(([name, seconds]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd class="figures">{duration(seconds)}</dd>
          </div>
        ))}
      </dl>
      {isEmpty ? (
        <div class="card">
          <Empty icon="today" title={isToday ? s.today.emptyToday : s.today.emptyYesterday}>
            {isToday && <p>{s.today.emptyText}</p>}
          </Empty>
        </div>
      ) : (
        <>
          <Timeline day={day} colourOf={colourOf} />
          <Card id="applications" title={s.today.applications}>
            <Applications applications={day.applications} colourOf={colourOf} />
          </Card>
          <SpanList spans={day.spans} colourOf={colourOf} />
        </>
      )}
      <Images images={day.images} />
    </>
  );
}

function DaySkeleton() {
  return (
    <>
      <span class="skeleton" style={{ height: '56px', width: '60%' }} />
      <div class="card">
        <Skeleton lines={1} />
        <span class="skeleton" style={{ height: '150px' }} />
      </div>
      <div class="card">
        <Skeleton lines={5} height={20} />
      </div>
    </>
  );
}

/** Calls `act` once, some seconds after `key` first changed, while `isOn`. */
function useLater(act: () => void, key: number, isOn: boolean) {
  const seen = useRef(key);
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  useEffect(() => {
    if (isOn && key !== seen.current && timer.current === undefined) {
      timer.current = setTimeout(() => {
        timer.current = undefined;
        act();
      }, REFRESH_MS);
    }
    seen.current = key;
  }, [act, key, isOn]);
  useEffect(() => () => clearTimeout(timer.current), []);
}
