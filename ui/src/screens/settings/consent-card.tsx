import { useState } from 'preact/hooks';
import { api } from '../../api';
import { useAnswer } from '../../asking';
import { moment } from '../../format';
import { Button, Card, ProblemNote, Skeleton } from '../../parts/basics';
import { Dialog } from '../../parts/dialog';
import { s } from '../../strings';
import { Disclosure } from '../disclosure';

/** What the person agreed to and when, and the text of it. */
export function ConsentCard({ policyVersion }: { policyVersion: number | null }) {
  const { answer, value: consent, again } = useAnswer(api.consent, policyVersion);
  const [isOpen, setOpen] = useState(false);
  return (
    <Card id="consent" title={s.settings.consent}>
      {consent ? (
        <>
          <p>
            {consent.accepted_at
              ? s.settings.agreed(moment(consent.accepted_at), consent.accepted_version)
              : s.settings.notAgreed}
          </p>
          <p class="soft">{policyVersion === null ? s.settings.policyNone : s.settings.policy(policyVersion)}</p>
          <div class="actions">
            <Button name="disclosure" icon="shield" hasPopup onClick={() => setOpen(true)}>
              {s.settings.disclosure}
            </Button>
          </div>
        </>
      ) : answer.kind === 'failed' ? (
        <ProblemNote problem={answer.problem} again={again} />
      ) : (
        <Skeleton lines={3} />
      )}
      {isOpen && consent && (
        <Dialog id="disclosure-dialog" title={consent.in_force.title} size="reading" onClose={() => setOpen(false)}>
          <Disclosure text={consent.in_force} id="in-force" level="h3" />
        </Dialog>
      )}
    </Card>
  );
}
