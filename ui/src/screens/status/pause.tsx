// A pause: chosen, counted down, ended.

import { useState } from 'preact/hooks';
import { api } from '../../api';
import { useDeed } from '../../asking';
import type { PauseView } from '../../bindings';
import { clock, countdown } from '../../format';
import { Button, ProblemNote } from '../../parts/basics';
import { Segments } from '../../parts/choices';
import { Dialog } from '../../parts/dialog';
import { TextField } from '../../parts/text-field';
import { s } from '../../strings';
import { defaultPause, pauseChoices } from './pause-choices';

export function PauseDialog(props: { maxMinutes: number; onClose: () => void; onPaused: () => void }) {
  const choices = pauseChoices(props.maxMinutes);
  const [minutes, setMinutes] = useState(() => defaultPause(choices));
  const [reason, setReason] = useState('');
  const pause = useDeed(() => api.pause(minutes, reason.trim() || null), props.onPaused);
  return (
    <Dialog id="pause-dialog" title={s.pause.title} onClose={props.onClose}>
      <form
        class="wizard-form"
        onSubmit={(event) => {
          event.preventDefault();
          pause.run();
        }}
      >
        <p class="soft">{s.pause.lead}</p>
        <div class="field">
          <Segments
            name="minutes"
            legend={s.pause.howLong}
            isLegendVisible
            look="pills"
            choices={choices.map((choice) => [choice, s.pause.minutes(choice)])}
            value={minutes}
            onChange={setMinutes}
          />
          <span class="help">{s.pause.longest(props.maxMinutes)}</span>
        </div>
        <TextField
          id="pause-reason"
          name="reason"
          label={s.pause.reason}
          help={s.pause.reasonHelp}
          value={reason}
          onChange={setReason}
        />
        {pause.problem && <ProblemNote problem={pause.problem} />}
        <div class="actions end">
          <Button name="cancel" onClick={props.onClose}>
            {s.common.cancel}
          </Button>
          <Button name="pause-now" type="submit" look="primary" isBusy={pause.isRunning}>
            {s.pause.start}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

export function PausePanel({ pause, now }: { pause: PauseView; now: number }) {
  const whole = Date.parse(pause.until) - Date.parse(pause.since);
  const gone = Math.min(1, Math.max(0, (now - Date.parse(pause.since)) / whole));
  return (
    <section class="panel tone-pause" aria-label={s.pause.title_on} id="paused">
      <div class="panel-line">
        <strong>{s.pause.until(clock(pause.until))}</strong>
        <span class="figures" role="timer">
          {s.pause.left(countdown(pause.until, now))}
        </span>
      </div>
      <div class="pause-track" aria-hidden="true">
        <span style={{ inlineSize: `${(1 - gone) * 100}%` }} />
      </div>
      {pause.reason && (
        <p class="small breakable">
          {s.pause.reason}: {pause.reason}
        </p>
      )}
    </section>
  );
}
