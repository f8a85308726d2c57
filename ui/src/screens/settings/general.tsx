import { useState } from 'preact/hooks';
import { api } from '../../api';
import { type Appearance, keepAppearance, readAppearance } from '../../appearance';
import { useAnswer, useDeed } from '../../asking';
import { Card, ProblemNote, Skeleton } from '../../parts/basics';
import { Segments, Switch } from '../../parts/choices';
import { s } from '../../strings';

/** Start at login, as the system's own entry says, and light or dark. */
export function General() {
  const { answer, value, again, put } = useAnswer(api.autostart);
  const set = useDeed(api.setAutostart, put);
  const [appearance, setAppearance] = useState<Appearance>(readAppearance);
  return (
    <Card id="general" title={s.settings.general}>
      {value ? (
        <>
          <Switch
            id="autostart"
            label={s.settings.autostart}
            help={s.settings.autostartHelp}
            isOn={value.is_on}
            isLocked={set.isRunning}
            onChange={set.run}
          />
          {value.problem && <ProblemNote tone="warn" problem={value.problem} />}
        </>
      ) : answer.kind === 'failed' ? (
        <ProblemNote problem={answer.problem} again={again} />
      ) : (
        <Skeleton lines={2} height={18} />
      )}
      {set.problem && <ProblemNote problem={set.problem} />}
      <div class="setting-line">
        <span class="legend" aria-hidden="true">
          {s.settings.appearance}
        </span>
        <Segments
          name="appearance"
          legend={s.settings.appearance}
          choices={(['system', 'light', 'dark'] as const).map((one) => [one, s.settings.appearances[one]])}
          value={appearance}
          onChange={(chosen) => {
            keepAppearance(chosen);
            setAppearance(chosen);
          }}
        />
      </div>
    </Card>
  );
}
