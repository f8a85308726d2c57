import type { Presence } from '../../bindings';
import { duration } from '../../format';
import { Badge, Card, type Tone } from '../../parts/basics';
import { s } from '../../strings';

const STATE_TONES: Record<string, Tone> = { active: 'good', paused: 'pause' };

/** What the person does, as it would be reported. */
export function PresenceCard({ presence, now }: { presence: Presence | null; now: number }) {
  const since = (at: string | null) => (at ? s.presence.since(duration((now - Date.parse(at)) / 1000)) : '');
  return (
    <Card id="presence" title={s.presence.title}>
      {presence ? (
        <>
          <p class="presence-state">
            <Badge tone={STATE_TONES[presence.state] ?? 'calm'}>
              {s.presence.states[presence.state] ?? presence.state}
            </Badge>
            <span class="soft small figures">{since(presence.since)}</span>
          </p>
          {presence.app ? (
            <div class="presence-window">
              <strong class="breakable">{presence.app}</strong>
              <span class={presence.title ? 'breakable' : 'soft'}>{presence.title ?? s.presence.noTitle}</span>
              <span class="soft small figures">{since(presence.app_since)}</span>
            </div>
          ) : (
            <p class="soft">{s.presence.noWindow}</p>
          )}
          <p class="soft small">{s.presence.explain}</p>
        </>
      ) : (
        <p class="soft">{s.presence.unknown}</p>
      )}
    </Card>
  );
}
