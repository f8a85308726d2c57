// What waits, what was delivered, and what cannot be: each event exactly as it is sent.

import { useState } from 'preact/hooks';
import type { Figures, OutboxWhich } from '../../bindings';
import { number } from '../../format';
import { Badge } from '../../parts/basics';
import { Tabs } from '../../parts/tabs';
import type { Tell } from '../../parts/toast';
import { s } from '../../strings';
import { EventList } from './event-list';

const ALL: OutboxWhich[] = ['pending', 'sent', 'dead'];

export function OutboxScreen({ figures, tell }: { figures: Figures | null; tell: Tell }) {
  const [which, setWhich] = useState<OutboxWhich>('pending');
  const counts = figures && { pending: figures.pending, sent: figures.sent, dead: figures.dead_letter };
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
        <EventList key={which} which={which} count={counts?.[which] ?? 0} tell={tell} />
      </Tabs>
    </div>
  );
}
