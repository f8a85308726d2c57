import type { TargetedKeyboardEvent } from 'preact';
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { api } from '../../api';
import { useAnswer, useDeed } from '../../asking';
import type { OutboxWhich } from '../../bindings';
import { Button, Empty, ProblemNote, Skeleton } from '../../parts/basics';
import type { Tell } from '../../parts/toast';
import { s } from '../../strings';
import { EventRow } from './event-row';

const PAGE = 100;
const MOST = 1000;
const REFRESH_MS = 2000;

/**
 * Events of one kind, a page at a time. `count` tells when to look again. The rows are kept as they
 * are while nothing about them changes: a thousand of them must not be compared every second.
 */
export function EventList({ which, count, tell }: { which: OutboxWhich; count: number; tell: Tell }) {
  const [limit, setLimit] = useState(PAGE);
  const { answer, value, again } = useAnswer(() => api.outbox({ which, limit }), limit);
  const [opened, setOpened] = useState<string | null>(null);
  useRefresh(again, count);
  const replay = useDeed(api.replay, (replayed) => {
    tell(s.outbox.replayed(replayed));
    again();
  });

  const replayOne = useRef(replay.run);
  replayOne.current = replay.run;
  const rows = useMemo(
    () => (
      <ul class="events" onKeyDown={step}>
        {value?.events.map((event) => (
          <EventRow
            key={event.event_id}
            event={event}
            isOpen={event.event_id === opened}
            onToggle={() => setOpened(event.event_id === opened ? null : event.event_id)}
            onReplay={which === 'dead' ? () => replayOne.current(event.event_id) : undefined}
            isReplaying={replay.isRunning}
            tell={tell}
          />
        ))}
      </ul>
    ),
    [value, opened, replay.isRunning, which, tell],
  );

  if (!value) {
    return answer.kind === 'failed' ? (
      <ProblemNote problem={answer.problem} again={again} />
    ) : (
      <div class="card event-card">
        <Skeleton lines={7} height={30} />
      </div>
    );
  }
  if (value.events.length === 0) {
    const [title, text] = s.outbox.empty[which];
    return (
      <div class="card">
        <Empty icon={which === 'dead' ? 'check' : 'outbox'} title={title}>
          <p>{text}</p>
        </Empty>
      </div>
    );
  }
  const rest = Math.min(MOST, value.total ?? limit + PAGE) - value.events.length;
  return (
    <>
      {answer.kind === 'failed' && <ProblemNote problem={answer.problem} again={again} />}
      {replay.problem && <ProblemNote problem={replay.problem} />}
      <div class="list-head">
        <span class="soft small figures">{s.outbox.shown(value.events.length, value.total)}</span>
        {which === 'dead' && (
          <Button name="replay-all" icon="sync" isBusy={replay.isRunning} onClick={() => replay.run(null)}>
            {s.outbox.replayAll}
          </Button>
        )}
      </div>
      {rows}
      {value.has_more && limit < MOST && (
        <div class="actions list-foot">
          <Button name="more-events" onClick={() => setLimit(Math.min(MOST, limit + PAGE))}>
            {s.common.more(Math.max(1, Math.min(PAGE, rest)))}
          </Button>
        </div>
      )}
      {value.has_more && limit >= MOST && <p class="soft small list-foot">{s.outbox.limit}</p>}
    </>
  );
}

/** The arrow keys go from row to row. */
function step(event: TargetedKeyboardEvent<HTMLUListElement>) {
  const rows = [...event.currentTarget.querySelectorAll<HTMLElement>('.event-head')];
  const at = rows.indexOf(document.activeElement as HTMLElement);
  const to = at < 0 ? undefined : { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: rows.length - 1 }[event.key];
  const row = to === undefined ? undefined : rows[to];
  if (row) {
    event.preventDefault();
    row.focus();
  }
}

/** Looks again some time after `count` changed, however often it changes until then. */
function useRefresh(again: () => void, count: number) {
  const seen = useRef(count);
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  useEffect(() => {
    if (count !== seen.current && timer.current === undefined) {
      timer.current = setTimeout(() => {
        timer.current = undefined;
        again();
      }, REFRESH_MS);
    }
    seen.current = count;
  }, [again, count]);
  useEffect(() => () => clearTimeout(timer.current), []);
}
