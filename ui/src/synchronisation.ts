// A synchronisation that the person asked for. It goes on while other screens are shown.

import { useCallback, useRef, useState } from 'preact/hooks';
import { api, problemOf } from './api';
import type { Problem, SyncEnd, SyncReport } from './bindings';
import type { Tell } from './parts/toast';
import { s } from './strings';

export interface Sync {
  isRunning: boolean;
  report: SyncReport | null;
  end: SyncEnd | null;
  problem: Problem | null;
  start: () => void;
  cancel: () => void;
}

export function useSync(tell: Tell): Sync {
  const [isRunning, setRunning] = useState(false);
  const [report, setReport] = useState<SyncReport | null>(null);
  const [end, setEnd] = useState<SyncEnd | null>(null);
  const [problem, setProblem] = useState<Problem | null>(null);
  const busy = useRef(false);

  const start = useCallback(() => {
    if (busy.current) {
      return;
    }
    busy.current = true;
    setRunning(true);
    setReport(null);
    setEnd(null);
    setProblem(null);
    api
      .sync(setReport)
      .then(
        (how) => {
          setEnd(how);
          tell(endText(how));
        },
        (thrown) => setProblem(problemOf(thrown)),
      )
      .finally(() => {
        busy.current = false;
        setRunning(false);
      });
  }, [tell]);
  const cancel = useCallback(() => {
    api.cancelSync().catch((thrown) => setProblem(problemOf(thrown)));
  }, []);
  return { isRunning, report, end, problem, start, cancel };
}

export function endText(end: SyncEnd): string {
  switch (end.kind) {
    case 'drained':
      return s.sync.drained(end.sent);
    case 'timed_out':
      return s.sync.timedOut(end.sent, end.pending);
    case 'revoked':
      return s.sync.revoked(end.pending);
    case 'stopped':
      return s.sync.stopped(end.sent);
  }
}
