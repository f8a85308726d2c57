// The bar with the four screens, the notices that hold for all of them, and the screen itself.

import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import type { Go } from './app';
import type { Overview, Screen } from './bindings';
import { Badge, Button, Note, Skeleton } from './parts/basics';
import { Icon, type IconName, Mark } from './parts/icon';
import { number } from './format';
import { s } from './strings';

export const PLACES = ['status', 'today', 'outbox', 'settings'] as const;
export type Place = (typeof PLACES)[number];

const PLACE_ICONS: Record<Place, IconName> = {
  status: 'status',
  today: 'today',
  outbox: 'outbox',
  settings: 'settings',
};

export function Frame(props: {
  screen: Screen | null;
  overview: Overview | null;
  /** How many events wait, as of the same moment as what the screen shows of them. */
  waiting: number;
  go: Go;
  children: ComponentChildren;
}) {
  const { screen, overview, go } = props;
  const content = useRef<HTMLElement>(null);
  useEffect(() => {
    content.current?.scrollTo({ top: 0 });
    document.title = screen ? `${s.places[screen]} – ${s.app}` : s.app;
  }, [screen]);
  return (
    <div class="frame">
      <a
        class="skip"
        href="#content"
        onClick={(event) => {
          event.preventDefault();
          content.current?.focus();
        }}
      >
        {s.common.skip}
      </a>
      <header class="bar">
        <div class="bar-head" aria-hidden="true">
          <Mark />
          {s.app}
        </div>
        <nav aria-label={s.places.landmark}>
          <ul>
            {PLACES.map((place) => (
              <li key={place}>
                <PlaceButton place={place} isHere={place === screen} waiting={place === 'outbox' ? props.waiting : 0} go={go} />
              </li>
            ))}
          </ul>
        </nav>
        {overview && (
          <div class="bar-foot">
            {overview.person && <span class="cut">{overview.person.username}</span>}
            <span>{s.frame.version(overview.version)}</span>
          </div>
        )}
      </header>
      <main
        class="content"
        id="content"
        aria-label={screen ? s.places[screen] : s.app}
        tabIndex={0}
        ref={content}
        data-screen={screen}
      >
        <Notices overview={overview} screen={screen} go={go} />
        {screen === null ? (
          <div class="screen">
            <Skeleton lines={4} />
          </div>
        ) : (
          props.children
        )}
      </main>
      <span class="hidden-visually" role="status">
        {screen ? s.announce.screen(s.places[screen]) : ''}
      </span>
    </div>
  );
}

function PlaceButton(props: { place: Place; isHere: boolean; waiting: number; go: Go }) {
  const { place, isHere, waiting } = props;
  return (
    <button
      type="button"
      class="place"
      name={place}
      aria-current={isHere ? 'page' : undefined}
      onClick={() => props.go(place)}
    >
      <Icon name={PLACE_ICONS[place]} size={18} />
      {s.places[place]}
      {waiting > 0 && (
        <span class="count figures">
          <span aria-hidden="true">
            <Badge tone="calm">{number(waiting)}</Badge>
          </span>
          <span class="hidden-visually">{s.places.waiting(waiting)}</span>
        </span>
      )}
    </button>
  );
}

function Notices({ overview, screen, go }: { overview: Overview | null; screen: Screen | null; go: Go }) {
  const isSaidBelow = screen === 'wizard' || (screen === 'status' && overview?.standing.action === 'review_consent');
  const asksConsent = overview?.consent_awaits && !isSaidBelow;
  const hasNoTray = overview && !overview.has_tray && screen === 'status';
  if (!asksConsent && !hasNoTray) {
    return null;
  }
  return (
    <div class="notices">
      {asksConsent && (
        <Note tone="accent" title={s.frame.consentTitle}>
          <span>{s.frame.consentText}</span>
          <div class="actions">
            <Button name="review-consent" onClick={() => go('wizard')}>
              {s.frame.consentOpen}
            </Button>
          </div>
        </Note>
      )}
      {hasNoTray && (
        <Note tone="calm" id="no-tray">
          <span>{s.frame.noTray}</span>
        </Note>
      )}
    </div>
  );
}
