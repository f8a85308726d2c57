import type { Overview } from '../../bindings';
import { sentence } from '../../format';
import { Button, Note } from '../../parts/basics';
import { s } from '../../strings';
import { StandingIcon, TONES } from '../status/standing-icon';
import { TrayPicture } from './tray-picture';

/** How it came out, and where DevPulse is found from now on. */
export function DoneStep(props: { overview: Overview | null; autostartProblem: string | null; onDone: () => void }) {
  const { overview, autostartProblem } = props;
  const standing = overview && overview.run_state.kind !== 'not_enrolled' ? overview.standing : null;
  return (
    <>
      <div class="wizard-title">
        <h1 tabIndex={-1}>{s.wizard.doneTitle}</h1>
      </div>
      <div class={`outcome tone-${standing ? TONES[standing.icon] : 'calm'}`} role="status">
        {standing ? <StandingIcon icon={standing.icon} size={28} /> : <span class="spinner" aria-hidden="true" />}
        <div>
          <strong>{standing ? standing.headline : s.wizard.beginning}</strong>
          {standing?.cause && <span>{sentence(standing.cause)}</span>}
          {standing?.remedy && <span class="soft">{sentence(standing.remedy)}</span>}
        </div>
      </div>
      {autostartProblem && (
        <Note tone="warn" title={s.wizard.autostartFailed}>
          <span>{sentence(autostartProblem)}</span>
        </Note>
      )}
      {overview?.has_tray === false ? (
        <Note tone="calm">
          <span>{s.frame.noTray}</span>
        </Note>
      ) : (
        <div class="tray-hint">
          <TrayPicture />
          <div>
            <strong>{s.wizard.doneTray}</strong>
            <p class="soft">{s.wizard.doneTrayText}</p>
          </div>
        </div>
      )}
      <div class="wizard-actions">
        <Button name="finish" look="primary" onClick={props.onDone}>
          {s.wizard.doneGo}
        </Button>
      </div>
    </>
  );
}
