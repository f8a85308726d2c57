import type { OutboxEvent } from '../../bindings';
import { clockSeconds, shortMoment } from '../../format';
import { Icon, type IconName } from '../../parts/icon';
import type { Tell } from '../../parts/toast';
import { s } from '../../strings';
import { EventBody } from './event-body';

const TYPE_ICONS: Record<string, IconName> = {
  activity: 'activity',
  heartbeat: 'heartbeat',
  window: 'window',
  screenshot: 'camera',
  custom: 'custom',
  gap: 'gap',
};

const DAY_MS = 86_400_000;

interface RowProps {
  event: OutboxEvent;
  isOpen: boolean;
  isReplaying: boolean;
  onToggle: () => void;
  onReplay: (() => void) | undefined;
  tell: Tell;
}

/** An event in a line; opened, it shows everything. */
export function EventRow({ event, isOpen, isReplaying, onToggle, onReplay, tell }: RowProps) {
  const body = `event-${event.event_id}`;
  const isRecent = Date.now() - Date.parse(event.timestamp) < DAY_MS;
  return (
    <li class={`event ${isOpen ? 'open' : ''}`} data-event={event.event_id} data-type={event.event_type}>
      <button
        type="button"
        class="event-head"
        aria-expanded={isOpen}
        aria-controls={isOpen ? body : undefined}
        onClick={onToggle}
        onKeyDown={(press) => press.key === 'Escape' && isOpen && onToggle()}
      >
        <span class="event-icon">
          <Icon name={TYPE_ICONS[event.event_type] ?? 'custom'} size={18} />
        </span>
        <span class="event-what">
          <span class="event-type">{s.outbox.types[event.event_type] ?? event.event_type}</span>
          <span class="event-summary cut">{event.summary}</span>
        </span>
        <time class="event-time small soft figures" dateTime={event.timestamp}>
          {isRecent ? clockSeconds(event.timestamp) : shortMoment(event.timestamp)}
        </time>
        <span class="event-chevron">
          <Icon name="chevron" size={16} />
        </span>
      </button>
      {isOpen && (
        <EventBody id={body} event={event} onReplay={onReplay} isReplaying={isReplaying} tell={tell} />
      )}
    </li>
  );
}
