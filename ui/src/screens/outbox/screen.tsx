// What waits, what was delivered, and what cannot be: each event exactly as it is sent.

import { useState } from 'preact/hooks';
import type { Figures, OutboxCounts, OutboxWhich } from '../../bindings';
import { number } from '../../format';
import { Badge } from '../../parts/basics';
import { Tabs } from '../../parts/tabs';
import type { Tell } from '../../parts/toast';
import { s } from '../../strings';
import { EventList } from './event-list';

const ALL: OutboxWhich[] = ['pending', 'sent', 'dead'];

interface OutboxProps {
  figures: Figures | null;
  /** As of the list that is shown; `null` until there is one. */
  listed: OutboxCounts | null;
  onListed: (counts: OutboxCounts) => void;
  tell: Tell;
}

export function OutboxScreen({ figures, listed, onListed, tell }: OutboxProps) {
  const [which, setWhich] = useState<OutboxWhich>('pending');
  const latest = figures && { pending: figures.pending, sent: figures.sent, dead: figures.dead_letter };
  const counts = listed ?? latest;
  return (
    <div class="screen">
      <div class="screen-head">
        <div>
          <h1>{s.outbox.title}</h1>
          <p class="soft">{s.outbox.lead}</p>
        </div>
      </div>
      <Tabs
        id="outbox"
        label={s.outbox.title}
        tabs={ALL.map((one) => ({
          id: one,
          label: (
            <>
              {s.outbox.tabs[one]}
              {counts && (
                <Badge tone={one === 'dead' && counts.dead > 0 ? 'bad' : 'calm'}>
                  <span class="figures">{number(counts[one])}</span>
                </Badge>
              )}
            </>
          ),
        }))}
        current={which}
        onChange={setWhich}
      >
        <EventList key={which} which={which} latest={latest} onListed={onListed} tell={tell} />
      </Tabs>
    </div>
  );
}
