// The exact policy, and the person's agreement to it.

import { useState } from 'preact/hooks';
import { api, problemOf } from '../../api';
import { useAnswer } from '../../asking';
import type { ConsentView, Problem } from '../../bindings';
import { sentence } from '../../format';
import { Badge, Button, ProblemNote, Skeleton } from '../../parts/basics';
import { Switch } from '../../parts/choices';
import { Icon } from '../../parts/icon';
import { s } from '../../strings';
import { Disclosure } from '../disclosure';
import { Changes } from '../changes';

export function AgreeStep({ onAgreed }: { onAgreed: (autostartProblem: string | null) => void }) {
  const { answer, value: consent, again } = useAnswer(api.consent);
  return (
    <>
      <div class="wizard-title">
        <h1 tabIndex={-1}>{s.wizard.policyTitle}</h1>
        <p class="soft">{s.wizard.policyLead}</p>
        {consent?.policy_version != null && (
          <p>
            <Badge tone="calm">{s.wizard.policyVersion(consent.policy_version)}</Badge>
          </p>
        )}
      </div>
      {consent ? (
        <Agreement key={consent.digest} consent={consent} reread={again} onAgreed={onAgreed} />
      ) : answer.kind === 'failed' ? (
        <ProblemNote problem={answer.problem} again={again} />
      ) : (
        <Skeleton lines={8} height={18} />
      )}
    </>
  );
}

interface AgreementProps {
  consent: ConsentView;
  reread: () => void;
  onAgreed: (autostartProblem: string | null) => void;
}

function Agreement(props: AgreementProps) {
  const { consent } = props;
  const autostart = useAnswer(api.autostart);
  const [startsAtLogin, setStartsAtLogin] = useState(true);
  const [hasAgreed, setAgreed] = useState(false);
  const [isMissing, setMissing] = useState(false);
  const [isBusy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem | null>(null);
  const cannotStart = autostart.value?.problem ?? null;

  const agree = async () => {
    if (!hasAgreed) {
      setMissing(true);
      document.getElementById('agree')?.focus();
      return;
    }
    if (isBusy) {
      return;
    }
    setBusy(true);
    setProblem(null);
    try {
      await api.acceptConsent(consent);
      props.onAgreed(cannotStart ? null : await startAtLogin(startsAtLogin));
    } catch (thrown) {
      setProblem(problemOf(thrown));
      setBusy(false);
    }
  };

  return (
    <form
      class="wizard-form"
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        void agree();
      }}
    >
      {consent.accepted_at !== null && consent.widened.length > 0 && <Changes widened={consent.widened} />}
      <Disclosure text={consent.proposed} id="policy" />
      <div class="agreement">
        <Switch
          id="start-at-login"
          label={s.wizard.startAtLogin}
          help={cannotStart ? sentence(cannotStart.message) : s.wizard.startAtLoginHelp}
          isOn={startsAtLogin && !cannotStart}
          isLocked={cannotStart !== null}
          onChange={setStartsAtLogin}
        />
        <div class="field">
          <label class="choice">
            <input
              id="agree"
              type="checkbox"
              checked={hasAgreed}
              aria-invalid={isMissing && !hasAgreed ? 'true' : undefined}
              aria-describedby={isMissing && !hasAgreed ? 'agree-error' : undefined}
              onChange={(event) => setAgreed(event.currentTarget.checked)}
            />
            <span class="legend">{s.wizard.agree}</span>
          </label>
          {isMissing && !hasAgreed && (
            <span class="field-error" id="agree-error" role="alert">
              <Icon name="alert" size={16} />
              {s.wizard.agreeMissing}
            </span>
          )}
        </div>
      </div>
      {problem && (
        <ProblemNote
          problem={problem}
          again={() => {
            setProblem(null);
            props.reread();
          }}
        />
      )}
      <div class="wizard-actions">
        <Button name="begin" type="submit" look="primary" isBusy={isBusy}>
          {isBusy ? s.wizard.beginning : s.wizard.begin}
        </Button>
      </div>
    </form>
  );
}

/** What went wrong with it, in a sentence; it never undoes the agreement. */
async function startAtLogin(on: boolean): Promise<string | null> {
  try {
    const { is_on, problem } = await api.setAutostart(on);
    return is_on === on ? null : (problem?.message ?? s.wizard.autostartFailed);
  } catch (thrown) {
    return problemOf(thrown).message;
  }
}
