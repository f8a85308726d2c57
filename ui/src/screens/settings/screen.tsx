// Start at login, what is in force and why, diagnostics, and what this program is.

import type { Asked } from '../../asking';
import type { Overview } from '../../bindings';
import { s } from '../../strings';
import { About } from './about';
import { ConsentCard } from './consent-card';
import { DiagnosticsCard } from './diagnostics-card';
import { Effective } from './effective';
import { General } from './general';

export function SettingsScreen({ asked, diagnosesAtOnce }: { asked: Asked<Overview>; diagnosesAtOnce: boolean }) {
  const overview = asked.value;
  return (
    <div class="screen">
      <h1>{s.settings.title}</h1>
      <div class="columns">
        <General />
        <ConsentCard policyVersion={overview?.policy_version ?? null} />
      </div>
      <DiagnosticsCard runsAtOnce={diagnosesAtOnce} />
      <Effective />
      <About asked={asked} />
    </div>
  );
}
