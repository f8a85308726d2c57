// The first run, in four steps. Disclosure comes first, always.

import { useEffect, useRef, useState } from 'preact/hooks';
import { api } from '../../api';
import { useAnswer } from '../../asking';
import type { Overview, Wizard } from '../../bindings';
import { IconButton, ProblemNote, Skeleton } from '../../parts/basics';
import { Mark } from '../../parts/icon';
import { s } from '../../strings';
import { AgreeStep } from './agree';
import { ConnectStep, type Entries } from './connect';
import { DiscloseStep } from './disclose';
import { DoneStep } from './done';
import { Steps } from './steps';

export type StepNumber = 1 | 2 | 3 | 4;

export function WizardScreen({ overview, onDone }: { overview: Overview | null; onDone: () => void }) {
  const { answer, value, again } = useAnswer(api.wizard);
  useEffect(() => {
    document.title = `${s.places.wizard} – ${s.app}`;
  }, []);
  return (
    <div class="wizard">
      <header class="wizard-head">
        <Mark size={28} />
        <span>{s.app}</span>
        {overview && overview.run_state.kind !== 'not_enrolled' && (
          <IconButton name="leave" icon="close" label={s.common.close} onClick={onDone} />
        )}
      </header>
      <main class="wizard-body" data-screen="wizard">
        {value ? (
          <WizardSteps wizard={value} overview={overview} onDone={onDone} />
        ) : answer.kind === 'failed' ? (
          <ProblemNote problem={answer.problem} again={again} />
        ) : (
          <Skeleton lines={6} height={20} />
        )}
      </main>
    </div>
  );
}

function WizardSteps(props: { wizard: Wizard; overview: Overview | null; onDone: () => void }) {
  const { wizard, overview } = props;
  const [step, setStep] = useState<StepNumber>(wizard.is_enrolled && !wizard.former ? 3 : 1);
  const [entries, setEntries] = useState<Entries>({
    server: wizard.server_url ?? '',
    username: wizard.username ?? '',
    secret: '',
    secretFile: null,
    fate: 'sent_first',
  });
  const [autostartProblem, setAutostartProblem] = useState<string | null>(null);
  const heading = useRef<HTMLDivElement>(null);
  const isFirst = useRef(true);
  useEffect(() => {
    if (isFirst.current) {
      isFirst.current = false;
      return;
    }
    heading.current?.querySelector('h1')?.focus();
    heading.current?.scrollIntoView({ block: 'start' });
  }, [step]);
  return (
    <div class="wizard-step" ref={heading} data-step={step}>
      <Steps current={step} />
      {step === 1 && <DiscloseStep wizard={wizard} onNext={() => setStep(2)} />}
      {step === 2 && (
        <ConnectStep
          wizard={wizard}
          entries={entries}
          onEntries={setEntries}
          onBack={() => setStep(1)}
          onEnrolled={() => {
            setEntries((kept) => ({ ...kept, secret: '', secretFile: null }));
            void stepAfterEnrolling().then(setStep);
          }}
        />
      )}
      {step === 3 && (
        <AgreeStep
          onAgreed={(problem) => {
            setAutostartProblem(problem);
            setStep(4);
          }}
        />
      )}
      {step === 4 && <DoneStep overview={overview} autostartProblem={autostartProblem} onDone={props.onDone} />}
    </div>
  );
}

/** Who agreed to this policy for this server before is not asked again: the agent goes on already. */
async function stepAfterEnrolling(): Promise<StepNumber> {
  try {
    const { accepted_at, widened } = await api.consent();
    return accepted_at !== null && widened.length === 0 ? 4 : 3;
  } catch {
    return 3;
  }
}
