import { useEffect, useRef, useState } from 'preact/hooks';
import { api } from '../../api';
import { useDeed } from '../../asking';
import type { DiagnosticCheck, Diagnostics, DiagnosticState, Gathered } from '../../bindings';
import { sentence } from '../../format';
import { Badge, Button, Card, Note, ProblemNote, type Tone } from '../../parts/basics';
import { s } from '../../strings';
import { ExportDialog } from './export-dialog';

const STATE_TONES: Record<DiagnosticState, Tone> = { ok: 'good', warning: 'warn', failed: 'bad', unknown: 'calm' };
const STATE_ORDER: DiagnosticState[] = ['failed', 'warning', 'unknown', 'ok'];

/** What doctor finds, the worst first, and the file for support. */
export function DiagnosticsCard({ runsAtOnce }: { runsAtOnce: boolean }) {
  const [found, setFound] = useState<Diagnostics | null>(null);
  const [gathered, setGathered] = useState<Gathered | null>(null);
  const [written, setWritten] = useState<string | null>(null);
  const diagnose = useDeed(api.diagnose, setFound);
  const gather = useDeed(api.gatherDiagnostics, setGathered);
  const card = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (runsAtOnce) {
      diagnose.run();
      card.current?.scrollIntoView({ block: 'start' });
    }
  }, []);
  return (
    <div ref={card}>
      <Card id="diagnostics" title={s.settings.diagnostics} aside={found ? <Verdict checks={found.checks} /> : undefined}>
        <p class="soft">{s.settings.diagnosticsHelp}</p>
        <div class="actions">
          <Button name="diagnose" icon="heartbeat" isBusy={diagnose.isRunning} onClick={() => diagnose.run()}>
            {diagnose.isRunning ? s.settings.running : found ? s.settings.rerun : s.settings.run}
          </Button>
          <Button name="export" icon="download" hasPopup isBusy={gather.isRunning} onClick={() => gather.run()}>
            {gather.isRunning ? s.settings.gathering : s.settings.export}
          </Button>
        </div>
        <p class="soft small">{s.settings.exportHelp}</p>
        <span class="hidden-visually" role="status">
          {diagnose.isRunning ? s.settings.running : gather.isRunning ? s.settings.gathering : found ? verdictText(found.checks) : ''}
        </span>
        {diagnose.problem && <ProblemNote problem={diagnose.problem} again={() => diagnose.run()} />}
        {gather.problem && <ProblemNote problem={gather.problem} again={() => gather.run()} />}
        {written && (
          <Note tone="good" title={s.settings.exported} id="exported">
            <code class="breakable">{written}</code>
          </Note>
        )}
        {found && <Checks checks={found.checks} />}
      </Card>
      {gathered && (
        <ExportDialog
          gathered={gathered}
          onClose={() => setGathered(null)}
          onWritten={(path) => {
            setGathered(null);
            setWritten(path);
          }}
        />
      )}
    </div>
  );
}

function Checks({ checks }: { checks: DiagnosticCheck[] }) {
  const sorted = [...checks].sort((one, other) => STATE_ORDER.indexOf(one.state) - STATE_ORDER.indexOf(other.state));
  return (
    <ul class="checks">
      {sorted.map((check) => (
        <li key={check.name} data-check={check.name} data-state={check.state}>
          <Badge tone={STATE_TONES[check.state]}>{s.settings.checks[check.state]}</Badge>
          <div class="check-text">
            <strong>{check.name}</strong>
            <span class="soft breakable">{sentence(check.detail)}</span>
            {check.remedy && <span class="breakable">{sentence(check.remedy)}</span>}
          </div>
        </li>
      ))}
    </ul>
  );
}

function Verdict({ checks }: { checks: DiagnosticCheck[] }) {
  const worst = STATE_ORDER.find((state) => checks.some((check) => check.state === state)) ?? 'ok';
  return <Badge tone={worst === 'unknown' ? 'good' : STATE_TONES[worst]}>{verdictText(checks)}</Badge>;
}

function verdictText(checks: DiagnosticCheck[]): string {
  const count = (state: DiagnosticState) => checks.filter((check) => check.state === state).length;
  return s.settings.verdict(count('failed'), count('warning'));
}
