import type { ComponentChildren } from 'preact';
import type { Go } from '../../app';
import type { Overview } from '../../bindings';
import { ago, bytes, duration, number, sentence, until } from '../../format';
import { Button, Card, Facts } from '../../parts/basics';
import { s } from '../../strings';

/** Where events go, what waits, and what stood in the way. */
export function Delivery({ overview, now, go }: { overview: Overview; now: number; go: Go }) {
  const { figures, person } = overview;
  const rows: Array<[string, ComponentChildren]> = [];
  if (person) {
    rows.push([s.connection.server, <span id="server">{serverName(person.server_url)}</span>]);
  }
  rows.push(
    [s.connection.receipt, figures.last_receipt ? ago(figures.last_receipt, now) : s.times.never],
    [
      s.connection.waiting,
      <span id="waiting" data-count={figures.pending}>
        {s.connection.waitingValue(figures.pending, figures.in_flight, figures.images_pending)}
      </span>,
    ],
    [s.connection.oldest, figures.oldest_pending_s === null ? '–' : duration(figures.oldest_pending_s)],
  );
  if (figures.next_attempt) {
    rows.push([s.connection.next, until(figures.next_attempt, now)]);
  }
  if (figures.last_error) {
    rows.push([s.connection.error, <span class="bad-text">{sentence(figures.last_error)}</span>]);
  }
  if (figures.dead_letter > 0) {
    rows.push([
      s.connection.dead,
      <span class="fact-action">
        {number(figures.dead_letter)}
        <Button name="open-outbox" look="quiet" onClick={() => go('outbox')}>
          {s.connection.see}
        </Button>
      </span>,
    ]);
  }
  if (figures.dropped > 0) {
    rows.push([s.connection.dropped, number(figures.dropped)]);
  }
  rows.push([s.connection.disk, bytes(figures.disk_bytes)]);
  return (
    <Card id="delivery" title={s.connection.title}>
      <Facts rows={rows} />
    </Card>
  );
}

function serverName(url: string): string {
  return URL.canParse(url) ? `${new URL(url).host || url}` : url;
}
