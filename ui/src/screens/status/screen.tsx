// What the agent does now, from capture to receipt.

import { useRef } from 'preact/hooks';
import type { Go } from '../../app';
import type { Asked } from '../../asking';
import { useNow } from '../../asking';
import type { Overview } from '../../bindings';
import { sentence } from '../../format';
import { useKeptFocus } from '../../kept-focus';
import { Note, ProblemNote, Skeleton } from '../../parts/basics';
import type { Tell } from '../../parts/toast';
import { s } from '../../strings';
import type { Sync } from '../../synchronisation';
import { Backlog } from './backlog';
import { Delivery } from './delivery';
import { Headline } from './headline';
import { Pipeline } from './pipeline';
import { PausePanel } from './pause';
import { PresenceCard } from './presence';
import { Signals } from './signals';
import { SyncPanel } from './sync-panel';

interface StatusProps {
  asked: Asked<Overview>;
  sync: Sync;
  go: Go;
  tell: Tell;
  refresh: () => void;
}

export function StatusScreen({ asked, sync, go, tell, refresh }: StatusProps) {
  const now = useNow();
  const place = useRef<HTMLDivElement>(null);
  useKeptFocus(place, '#actions button');
  const { answer, value: overview } = asked;
  if (!overview) {
    return (
      <div class="screen">
        <h1 class="hidden-visually">{s.places.status}</h1>
        {answer.kind === 'failed' ? (
          <ProblemNote problem={answer.problem} again={asked.again} />
        ) : (
          <StatusSkeleton />
        )}
      </div>
    );
  }
  return (
    <div class="screen" ref={place}>
      {answer.kind === 'failed' && (
        <Note tone="warn" title={s.frame.unreachable} isAlert>
          <span>{sentence(answer.problem.message)}</span>
        </Note>
      )}
      <Headline overview={overview} sync={sync} go={go} tell={tell} refresh={refresh} />
      <RunStateNote overview={overview} retry={refresh} />
      <SyncPanel sync={sync} />
      {overview.pause && <PausePanel pause={overview.pause} now={now} />}
      <Pipeline stages={overview.stages} now={now} />
      <div class="columns">
        <Delivery overview={overview} now={now} go={go} />
        <Backlog pending={overview.figures.pending} now={now} />
        <PresenceCard presence={overview.presence} now={now} />
        <Signals signals={overview.signals} now={now} />
      </div>
    </div>
  );
}

function RunStateNote({ overview, retry }: { overview: Overview; retry: () => void }) {
  const state = overview.run_state;
  switch (state.kind) {
    case 'attached':
      return (
        <Note tone="calm" id="attached">
          <span>{s.standing.attached(state.pid)}</span>
        </Note>
      );
    case 'starting':
      return (
        <Note tone="accent" id="starting">
          <span>{s.standing.starting}</span>
        </Note>
      );
    case 'failed':
      return <ProblemNote problem={state.problem} again={retry} />;
    default:
      return null;
  }
}

function StatusSkeleton() {
  return (
    <>
      <div class="headline">
        <span class="skeleton" style={{ width: '56px', height: '56px', borderRadius: '50%' }} />
        <Skeleton lines={2} height={20} />
      </div>
      <div class="card">
        <Skeleton lines={1} />
        <span class="skeleton" style={{ height: '104px' }} />
      </div>
      <div class="columns">
        <div class="card">
          <Skeleton lines={6} />
        </div>
        <div class="card">
          <Skeleton lines={6} />
        </div>
      </div>
    </>
  );
}
