// Which screen is shown, and what every screen shares: the overview, a running
// synchronisation, and the line in which news is told.

import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { api } from './api';
import { usePolled } from './asking';
import type { OutboxCounts, Screen } from './bindings';
import { Frame, type Place, PLACES } from './frame';
import { Toast, useToast } from './parts/toast';
import { ConsentReview } from './screens/consent-review';
import { OutboxScreen } from './screens/outbox/screen';
import { SettingsScreen } from './screens/settings/screen';
import { StatusScreen } from './screens/status/screen';
import { TodayScreen } from './screens/today/screen';
import { WizardScreen } from './screens/wizard/screen';
import { useSync } from './synchronisation';

const POLL_MS = 1000;

/** Goes to a screen; `diagnose` also runs the diagnostics there. */
export type Go = (screen: Screen, and?: 'diagnose') => void;

export function App() {
  const asked = usePolled(api.overview, POLL_MS);
  const overview = asked.value;
  const [screen, setScreen] = useState<Screen | null>(null);
  const [listed, setListed] = useState<OutboxCounts | null>(null);
  const toast = useToast();
  const sync = useSync(toast.tell);

  useEffect(() => {
    api.firstScreen().then(
      (first) => setScreen((now) => now ?? first),
      () => setScreen((now) => now ?? 'status'),
    );
  }, []);
  useEffect(() => {
    if (overview?.wanted_screen) {
      setScreen(overview.wanted_screen);
    }
  }, [overview]);
  useEffect(() => {
    if (screen !== 'outbox') {
      setListed(null);
    }
  }, [screen]);
  const isUnenrolled = overview?.run_state.kind === 'not_enrolled';
  const wasUnenrolled = useRef(false);
  useEffect(() => {
    if (isUnenrolled && !wasUnenrolled.current) {
      setScreen('wizard');
    }
    wasUnenrolled.current = isUnenrolled;
  }, [isUnenrolled]);
  const [diagnosesAtOnce, setDiagnosesAtOnce] = useState(false);
  const go = useCallback<Go>((to, and) => {
    setDiagnosesAtOnce(and === 'diagnose');
    setScreen(to);
  }, []);
  useShortcuts(go, screen !== 'wizard');
  const isReview = screen === 'wizard' && overview !== null && !isUnenrolled && overview.consent_awaits;

  return (
    <>
      {screen === 'wizard' && !isReview ? (
        <WizardScreen overview={overview} onDone={() => setScreen('status')} />
      ) : (
        <Frame screen={screen} overview={overview} waiting={(listed ?? overview?.figures)?.pending ?? 0} go={go}>
          {isReview && <ConsentReview go={go} refresh={asked.again} tell={toast.tell} />}
          {screen === 'status' && (
            <StatusScreen asked={asked} sync={sync} go={go} tell={toast.tell} refresh={asked.again} />
          )}
          {screen === 'today' && <TodayScreen captured={overview?.figures.captured ?? 0} />}
          {screen === 'outbox' && (
            <OutboxScreen figures={overview?.figures ?? null} listed={listed} onListed={setListed} tell={toast.tell} />
          )}
          {screen === 'settings' && <SettingsScreen asked={asked} diagnosesAtOnce={diagnosesAtOnce} />}
        </Frame>
      )}
      <Toast news={toast.news} />
    </>
  );
}

/** Ctrl or Cmd with 1 to 4 goes to a screen. */
function useShortcuts(go: (screen: Place) => void, isOn: boolean) {
  useEffect(() => {
    if (!isOn) {
      return;
    }
    const press = (event: KeyboardEvent) => {
      const place = PLACES[Number(event.key) - 1];
      if ((event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey && place) {
        event.preventDefault();
        go(place);
      }
    };
    document.addEventListener('keydown', press);
    return () => document.removeEventListener('keydown', press);
  }, [go, isOn]);
}
