import type { Wizard } from '../../bindings';
import { Button, Note, ProblemNote } from '../../parts/basics';
import { s } from '../../strings';
import { Disclosure } from '../disclosure';

export function DiscloseStep({ wizard, onNext }: { wizard: Wizard; onNext: () => void }) {
  return (
    <>
      <div class="wizard-title">
        <h1 tabIndex={-1}>{wizard.disclosure.title}</h1>
        <p class="soft">{s.wizard.discloseLead}</p>
      </div>
      {wizard.preset_server && (
        <Note tone="accent" title={s.wizard.presetTitle}>
          <span>{s.wizard.presetServer}</span>
          <span class="breakable">
            <code>{wizard.preset_server}</code>
          </span>
        </Note>
      )}
      {wizard.preset_problem && (
        <ProblemNote tone="warn" problem={wizard.preset_problem} />
      )}
      <Disclosure text={wizard.disclosure} id="disclosure" />
      <div class="wizard-actions">
        <Button name="continue" look="primary" onClick={onNext}>
          {s.wizard.discloseGo}
        </Button>
      </div>
    </>
  );
}
