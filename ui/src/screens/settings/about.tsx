import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import { api } from '../../api';
import { type Asked, useDeed } from '../../asking';
import type { Overview, RunState } from '../../bindings';
import { Button, Card, Facts, ProblemNote, Skeleton } from '../../parts/basics';
import { Dialog } from '../../parts/dialog';
import { s } from '../../strings';

/** Which version, for whom, where the key is, and the way out. */
export function About({ asked }: { asked: Asked<Overview> }) {
  const { answer, value: overview, again } = asked;
  const [isLeaving, setLeaving] = useState(false);
  const quit = useDeed(api.quit);
  if (!overview) {
    return (
      <Card id="about" title={s.settings.about}>
        {answer.kind === 'failed' ? <ProblemNote problem={answer.problem} again={again} /> : <Skeleton lines={4} />}
      </Card>
    );
  }
  const { person } = overview;
  const rows: Array<[string, ComponentChildren]> = [[s.settings.version, <span id="version">{overview.version}</span>]];
  if (person) {
    rows.push(
      [s.settings.person, person.username],
      [s.settings.device, <code>{person.device_id}</code>],
      [s.settings.server, person.server_url],
    );
    if (person.key_place) {
      rows.push([s.settings.key, person.key_place]);
    }
  }
  rows.push([s.settings.agent, agentText(overview.run_state)]);
  return (
    <Card id="about" title={s.settings.about}>
      <Facts rows={rows} />
      {overview.can_quit ? (
        <div class="actions">
          <Button name="quit" icon="power" isDanger hasPopup onClick={() => setLeaving(true)}>
            {s.settings.quit}
          </Button>
        </div>
      ) : (
        <p class="soft small">{s.settings.quitRefused}</p>
      )}
      {isLeaving && (
        <Dialog id="quit-dialog" title={s.settings.quit} onClose={() => setLeaving(false)}>
          <p>{overview.run_state.kind === 'attached' ? s.settings.quitAttached : s.settings.quitHelp}</p>
          {quit.problem && <ProblemNote problem={quit.problem} />}
          <div class="actions end">
            <Button name="stay" onClick={() => setLeaving(false)}>
              {s.common.cancel}
            </Button>
            <Button name="quit-now" look="primary" isBusy={quit.isRunning} onClick={() => quit.run()}>
              {s.settings.quit}
            </Button>
          </div>
        </Dialog>
      )}
    </Card>
  );
}

function agentText(state: RunState): string {
  switch (state.kind) {
    case 'here':
      return s.settings.agentHere;
    case 'attached':
      return s.settings.agentAttached(state.pid);
    case 'starting':
      return s.settings.agentStarting;
    case 'not_enrolled':
    case 'failed':
      return s.settings.agentNot;
  }
}
