import type { SignalView } from '../../bindings';
import { ago, sentence } from '../../format';
import { Badge, Card, type Tone } from '../../parts/basics';
import { s } from '../../strings';

const STATE_TONES: Record<string, Tone> = { ok: 'good', degraded: 'warn', unavailable: 'calm', denied: 'bad' };

/** What serves each signal, what is missing, and how to get it. */
export function Signals({ signals, now }: { signals: SignalView[]; now: number }) {
  return (
    <Card id="signals" title={s.signals.title}>
      {signals.length === 0 && <p class="soft">{s.signals.none}</p>}
      <ul class="signals">
        {signals.map((signal) => (
          <li key={signal.name} data-signal={signal.name}>
            <div class="signal-line">
              <span class="signal-name">{s.signals.names[signal.name] ?? signal.name}</span>
              <Badge tone={STATE_TONES[signal.state] ?? 'calm'}>{s.signals.states[signal.state] ?? signal.state}</Badge>
            </div>
            <span class="soft small">
              {[signal.backend, signal.last_seen ? s.signals.seen(ago(signal.last_seen, now)) : '']
                .filter(Boolean)
                .join(' · ')}
            </span>
            {signal.detail && <span class="small breakable">{sentence(signal.detail)}</span>}
          </li>
        ))}
      </ul>
    </Card>
  );
}
