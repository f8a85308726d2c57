// What a wider policy asks, beside what is in force. Nothing changes until the person agrees.

import { api } from '../api';
import type { Go } from '../app';
import { useAnswer, useDeed } from '../asking';
import { moment } from '../format';
import { Button, Empty, ProblemNote, Skeleton } from '../parts/basics';
import type { Tell } from '../parts/toast';
import { s } from '../strings';
import { Changes } from './changes';
import { Disclosure } from './disclosure';

export function ConsentReview({ go, refresh, tell }: { go: Go; refresh: () => void; tell: Tell }) {
  const { answer, value: consent, again } = useAnswer(api.consent);
  const accept = useDeed(api.acceptConsent, () => {
    tell(s.review.accepted);
    refresh();
    go('status');
  });
  const reread = () => {
    accept.clear();
    again();
  };
  return (
    <div class="screen reading">
      <div class="wizard-title">
        <h1>{s.review.title}</h1>
        <p class="soft">{s.review.lead}</p>
        {consent?.accepted_at && (
          <p class="soft small">{s.settings.agreed(moment(consent.accepted_at), consent.accepted_version)}</p>
        )}
      </div>
      {consent === null && answer.kind === 'failed' && <ProblemNote problem={answer.problem} again={again} />}
      {consent === null && answer.kind === 'waiting' && <Skeleton lines={8} height={18} />}
      {consent && consent.widened.length === 0 && (
        <Empty icon="shield" title={s.review.nothing}>
          <p>{s.review.nothingText}</p>
        </Empty>
      )}
      {consent && consent.widened.length > 0 && (
        <>
          <Changes widened={consent.widened} />
          <details class="fold">
            <summary>{s.review.full}</summary>
            <Disclosure text={consent.proposed} id="proposed" level="h3" />
          </details>
          {accept.problem && <ProblemNote problem={accept.problem} again={reread} />}
          <div class="actions end">
            <Button name="later" onClick={() => go('status')}>
              {s.review.later}
            </Button>
            <Button
              name="accept"
              look="primary"
              isBusy={accept.isRunning}
              onClick={() => accept.run(consent)}
            >
              {s.review.accept}
            </Button>
          </div>
        </>
      )}
    </div>
  );
}
