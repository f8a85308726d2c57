import { sentence } from '../../format';
import { Button, Note, ProblemNote } from '../../parts/basics';
import { s } from '../../strings';
import { endText, type Sync } from '../../synchronisation';

/** How far a synchronisation has got, how to stop it, and how it ended where it did not finish. */
export function SyncPanel({ sync }: { sync: Sync }) {
  const { report, end } = sync;
  if (sync.isRunning) {
    return (
      <section class="panel tone-sync" aria-label={s.sync.running} id="sync">
        <div class="panel-line">
          <strong id="sync-label">{s.sync.running}</strong>
          <Button name="cancel-sync" onClick={sync.cancel}>
            {s.common.cancel}
          </Button>
        </div>
        <progress
          class="progress"
          aria-labelledby="sync-label"
          max={report ? Math.max(1, report.sent + report.pending) : undefined}
          value={report ? (report.sent + report.pending === 0 ? 1 : report.sent) : undefined}
        />
        <p class="small figures" aria-live="polite">
          {report ? s.sync.progress(report.sent, report.pending) : s.sync.begins}
        </p>
        {report?.last_error && <p class="small soft breakable">{sentence(report.last_error)}</p>}
      </section>
    );
  }
  if (sync.problem) {
    return <ProblemNote problem={sync.problem} again={sync.start} />;
  }
  if (end?.kind === 'timed_out') {
    return (
      <Note tone="warn" title={endText(end)}>
        {end.in_the_way && <span>{sentence(end.in_the_way)}</span>}
      </Note>
    );
  }
  return end?.kind === 'revoked' ? <Note tone="bad" title={endText(end)} /> : null;
}
