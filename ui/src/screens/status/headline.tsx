// The first line: how it stands, why, what helps, and what can be done from here.

import { useState } from 'preact/hooks';
import { api } from '../../api';
import type { Go } from '../../app';
import { useDeed } from '../../asking';
import type { Action, Overview } from '../../bindings';
import { sentence } from '../../format';
import { Button, ProblemNote } from '../../parts/basics';
import type { Tell } from '../../parts/toast';
import { s } from '../../strings';
import type { Sync } from '../../synchronisation';
import { PauseDialog } from './pause';
import { StandingIcon } from './standing-icon';

interface HeadlineProps {
  overview: Overview;
  sync: Sync;
  go: Go;
  tell: Tell;
  refresh: () => void;
}

export function Headline({ overview, sync, go, tell, refresh }: HeadlineProps) {
  const { standing, run_state: run } = overview;
  const [isPausing, setPausing] = useState(false);
  const resume = useDeed(api.resume, refresh);
  const shot = useDeed(api.takeScreenshot, (count) => {
    tell(s.shot.taken(count));
    refresh();
  });
  const isRunning = run.kind === 'here' || run.kind === 'attached';
  const main = standing.action;
  const acts: Record<Action, () => void> = {
    enroll: () => go('wizard'),
    review_consent: () => go('wizard'),
    resume: () => resume.run(),
    sync_now: sync.start,
    diagnose: () => go('settings', 'diagnose'),
  };
  const problem = resume.problem ?? shot.problem;
  return (
    <section class="headline-place" aria-label={s.places.status}>
      <div class="headline">
        <StandingIcon icon={standing.icon} />
        <div class="headline-text" role="status">
          <h1>{standing.headline}</h1>
          {standing.cause && <p class="breakable">{sentence(standing.cause)}</p>}
          {standing.remedy && <p class="soft breakable">{sentence(standing.remedy)}</p>}
        </div>
      </div>
      <div class="actions" id="actions">
        {main && main !== 'sync_now' && main !== 'resume' && (
          <Button name={`act-${main}`} look="primary" onClick={acts[main]}>
            {s.standing.actions[main]}
          </Button>
        )}
        {isRunning && overview.pause && (
          <Button name="resume" icon="play" look="primary" isBusy={resume.isRunning} onClick={() => resume.run()}>
            {s.pause.resume}
          </Button>
        )}
        {isRunning && (
          <Button
            name="sync-now"
            icon="sync"
            look={main === 'sync_now' ? 'primary' : 'plain'}
            isBusy={sync.isRunning}
            onClick={sync.start}
          >
            {s.sync.start}
          </Button>
        )}
        {isRunning && !overview.pause && overview.pause_rule.allowed && (
          <Button name="pause" icon="pause" hasPopup onClick={() => setPausing(true)}>
            {s.pause.open}
          </Button>
        )}
        {isRunning && overview.can_screenshot && !overview.pause && (
          <Button name="take-screenshot" icon="camera" isBusy={shot.isRunning} onClick={() => shot.run()}>
            {s.shot.take}
          </Button>
        )}
      </div>
      {isRunning && !overview.pause && !overview.pause_rule.allowed && <p class="soft small">{s.pause.refused}</p>}
      {problem && <ProblemNote problem={problem} />}
      {isPausing && (
        <PauseDialog
          maxMinutes={overview.pause_rule.max_minutes}
          onClose={() => setPausing(false)}
          onPaused={() => {
            setPausing(false);
            refresh();
          }}
        />
      )}
    </section>
  );
}
