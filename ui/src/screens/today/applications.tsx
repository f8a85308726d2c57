import { useState } from 'preact/hooks';
import type { ApplicationTime } from '../../bindings';
import { duration, share } from '../../format';
import { Button } from '../../parts/basics';
import { s } from '../../strings';

const FIRST = 8;

/** Time by application, as bars. */
export function Applications(props: { applications: ApplicationTime[]; colourOf: Map<string, number> }) {
  const { applications, colourOf } = props;
  const [isWhole, setWhole] = useState(false);
  const most = applications[0]?.seconds ?? 1;
  const sum = applications.reduce((total, one) => total + one.seconds, 0) || 1;
  const shown = isWhole ? applications : applications.slice(0, FIRST);
  return (
    <>
      <ul class="bars">
        {shown.map((one) => (
          <li key={one.app} class="bar-row">
            <span class="bar-name cut" title={one.app}>
              {one.app}
            </span>
            <span class="bar-track" aria-hidden="true">
              <span
                class={`bar-fill colour-${colourOf.get(one.app) ?? 0}`}
                style={{ inlineSize: `${Math.max(0.5, (one.seconds / most) * 100)}%` }}
              />
            </span>
            <span class="bar-time figures">{duration(one.seconds)}</span>
            <span class="bar-share small soft figures">
              {share(one.seconds / sum)} · {s.today.visits(one.visits)}
            </span>
          </li>
        ))}
      </ul>
      {applications.length > shown.length && (
        <div class="actions">
          <Button name="more-applications" look="quiet" onClick={() => setWhole(true)}>
            {s.common.more(applications.length - shown.length)}
          </Button>
        </div>
      )}
    </>
  );
}
