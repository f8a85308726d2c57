import type { TargetedKeyboardEvent } from 'preact';
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { api } from '../../api';
import { useAnswer, useDeed } from '../../asking';
import type { OutboxCounts, OutboxWhich } from '../../bindings';
import { Button, Empty, ProblemNote, Skeleton } from '../../parts/basics';
import type { Tell } from '../../parts/toast';
import { s } from '../../strings';
import { EventRow } from './event-row';

const PAGE = 100;
const MOST = 1000;
const REFRESH_MS = 2000;

interface ListProps {
  which: OutboxWhich;
  /** What the agent counts by now: where it changes, the list is asked for again. */
  latest: OutboxCounts | null;
  onListed: (counts: OutboxCounts) => void;
  tell: Tell;
}

/**
 * Events of one kind, a page at a time. The rows are kept as they are while nothing about them
 * changes: a thousand of them must not be compared every second.
 */
export function EventList({ which, latest, onListed, tell }: ListProps) {
  const [limit, setLimit] = useState(PAGE);
  const { answer, value, again } = useAnswer(() => api.outbox({ which, limit }), limit);
  const [opened, setOpened] = useState<string | null>(null);
  useRefresh(again, JSON.stringify(latest));
  const counts = value?.counts;
  useEffect(() => {
    if (counts) {
      onListed(counts);
    }
  }, [counts, onListed]);
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
  const total = which === 'sent' ? null : value.counts[which];
  const rest = Math.min(MOST, total ?? limit + PAGE) - value.events.length;
  return (
    <>
      {answer.kind === 'failed' && <ProblemNote problem={answer.problem} again={again} />}
      {replay.problem && <ProblemNote problem={replay.problem} />}
      <div class="list-head">
        <span class="soft small figures">{s.outbox.shown(value.events.length, total)}</span>
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

/** Looks again some time after `key` changed, however often it changes until then. */
function useRefresh(again: () => void, key: string) {
  const seen = useRef(key);
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  useEffect(() => {
    if (key !== seen.current && timer.current === undefined) {
      timer.current = setTimeout(() => {
        timer.current = undefined;
        again();
      }, REFRESH_MS);
    }
    seen.current = key;
  }, [again, key]);
  useEffect(() => () => clearTimeout(timer.current), []);
}
