// The states that the window can be in, each as a whole backend.

import type {
  Autostart, ConsentView, EnrollProblem, OutboxEvent, OutboxWhich, Overview, Problem, Stage, Today, TrendPoint, Wizard,
} from '../src/bindings';
import { iso, makeDay } from './day';
import { makeEvents } from './events';
import { CONSENT, FIRST_CONSENT, REVOKED_WIZARD, WIDENED, WIZARD } from './texts';

export interface Scenario {
  overview: Overview;
  trend: TrendPoint[];
  today: Today;
  yesterday: Today;
  outbox: Record<OutboxWhich, OutboxEvent[]>;
  wizard: Wizard;
  consent: ConsentView;
  autostart: Autostart;
  /** What `enroll` rejects with, attempt by attempt. */
  enrollProblems: EnrollProblem[];
  /** Commands that reject, and with what. */
  refusals: Partial<Record<string, Problem>>;
  /** Commands that never answer. */
  silent: string[];
  /** What a synchronisation sends in a step. */
  syncRate: number;
}

const MINUTE = 60_000;
const PROBLEM: Problem = { message: 'the agent does not answer', hint: 'start it with: devpulse-client run' };

function stages(now: number, states: Array<[Stage['state'], number, string | null]>, count: number): Stage[] {
  const names = ['captured', 'stored', 'sent', 'acknowledged'] as const;
  return names.map((name, index) => {
    const [state, agoS, detail] = states[index]!;
    return { name, state, moved_at: iso(now - agoS * 1000), count: index < 2 ? count : count - (index === 2 ? 0 : 0), detail };
  });
}

function working(now: number): Scenario {
  return {
    overview: {
      version: '0.1.0',
      standing: { icon: 'working', headline: 'Working', cause: null, remedy: null, action: null },
      run_state: { kind: 'here' },
      person: { username: 'jane.doe', device_id: 'dev_7Q2M4XK9', server_url: 'https://pulse.example.com', key_place: 'in the system’s keychain' },
      stages: stages(now, [['moving', 4, null], ['moving', 4, null], ['moving', 9, null], ['moving', 9, null]], 12_480),
      figures: {
        captured: 12_480, queued: 0, pending: 0, in_flight: 0, sent: 12_480, rejected: 0, dead_letter: 0, dropped: 0,
        images_pending: 0, oldest_pending_s: null, disk_bytes: 48_400_000, last_receipt: iso(now - 9000), last_error: null, next_attempt: null,
      },
      signals: [
        { name: 'focus', state: 'ok', backend: 'x11', last_seen: iso(now - 4000), detail: null },
        { name: 'idle', state: 'ok', backend: 'x11 sync', last_seen: iso(now - 12_000), detail: null },
        { name: 'session', state: 'ok', backend: 'logind', last_seen: iso(now - 3_600_000), detail: null },
        { name: 'screen', state: 'ok', backend: 'x11 shm', last_seen: iso(now - 240_000), detail: null },
      ],
      presence: { state: 'active', since: iso(now - 52 * MINUTE), app: 'Visual Studio Code', title: 'sender.rs – devpulse', app_since: iso(now - 7 * MINUTE) },
      pause: null,
      pause_rule: { allowed: true, max_minutes: 60 },
      can_screenshot: true,
      consent_awaits: false,
      has_tray: true,
      can_quit: true,
      policy_version: 7,
      wanted_screen: null,
    },
    trend: Array.from({ length: 60 }, (_, index) => ({
      at: iso(now - (60 - index) * MINUTE),
      pending: Math.round(Math.abs(Math.sin(index / 3)) * 6),
      sent: 11_900 + index * 9,
      captured: 11_904 + index * 9,
    })),
    today: makeDay(now),
    yesterday: makeDay(now, { daysAgo: 1 }),
    outbox: { pending: [], sent: makeEvents('sent', 60, now), dead: [] },
    wizard: WIZARD,
    consent: CONSENT,
    autostart: { is_on: true, problem: null },
    enrollProblems: [],
    refusals: {},
    silent: [],
    syncRate: 100,
  };
}

function waiting(scenario: Scenario, now: number, pending: number, oldestS: number): Scenario {
  const { overview } = scenario;
  const rise = (index: number) => Math.max(0, Math.round((pending * (index - 24)) / 36));
  return {
    ...scenario,
    overview: {
      ...overview,
      figures: { ...overview.figures, pending, images_pending: Math.round(pending / 60), sent: overview.figures.captured - pending, oldest_pending_s: oldestS },
      stages: overview.stages.map((stage, index) => (index < 2 ? stage : { ...stage, count: overview.figures.captured - pending })),
    },
    trend: scenario.trend.map((point, index) => ({ ...point, pending: rise(index) })),
    outbox: { ...scenario.outbox, pending: makeEvents('pending', Math.min(pending, 1200), now) },
  };
}

const with_ = (scenario: Scenario, overview: Partial<Overview>): Scenario => ({
  ...scenario,
  overview: { ...scenario.overview, ...overview },
});

const SCENARIOS = {
  working,
  fresh: (now: number): Scenario => {
    const base = with_(working(now), {
      standing: { icon: 'action_needed', headline: 'This computer is not set up', cause: 'Nothing is captured before you agree', remedy: 'Set up DevPulse', action: 'enroll' },
      run_state: { kind: 'not_enrolled' },
      person: null,
      presence: null,
      signals: [],
      policy_version: null,
      consent_awaits: false,
      stages: [],
    });
    return { ...base, consent: FIRST_CONSENT, autostart: { is_on: false, problem: null } };
  },
  preset: (now: number): Scenario => ({
    ...SCENARIOS.fresh(now),
    wizard: { ...WIZARD, preset_server: 'https://pulse.example.com', has_preset_secret: true, username: 'jane.doe' },
  }),
  refused: (now: number): Scenario => ({
    ...SCENARIOS.fresh(now),
    enrollProblems: [
      { field: 'server_url', message: 'No server answers at this address', hint: 'Check the address, or that you are on your organisation’s network' },
      { field: 'secret', message: 'The server does not accept this secret', hint: 'Ask your administrator for a new one; each is good for one computer' },
    ],
  }),
  syncing: (now: number): Scenario =>
    with_(waiting(working(now), now, 214, 95), {
      standing: { icon: 'syncing', headline: 'Sending what waited', cause: '214 events are on their way', remedy: null, action: null },
    }),
  offline: (now: number): Scenario => {
    const base = waiting(working(now), now, 500, 2_140);
    return with_(base, {
      standing: { icon: 'offline', headline: 'The server cannot be reached', cause: 'No route to pulse.example.com', remedy: 'Nothing is lost: 500 events wait on this computer and are sent as soon as it answers', action: 'sync_now' },
      stages: stages(now, [['moving', 4, null], ['moving', 4, null], ['blocked', 2140, 'The server has not answered for 35 minutes'], ['late', 2141, 'No receipt came for 35 minutes']], 12_480).map((stage, index) => (index < 2 ? stage : { ...stage, count: 11_980 })),
      figures: { ...base.overview.figures, last_error: 'connection refused by pulse.example.com:443', next_attempt: iso(now + 48_000), last_receipt: iso(now - 2_141_000) },
    });
  },
  paused: (now: number): Scenario =>
    with_(working(now), {
      standing: { icon: 'paused', headline: 'Paused', cause: 'You paused capture', remedy: null, action: 'resume' },
      pause: { since: iso(now - 5 * MINUTE), until: iso(now + 10 * MINUTE), reason: 'A private call' },
      presence: { state: 'paused', since: iso(now - 5 * MINUTE), app: null, title: null, app_since: null },
      stages: stages(now, [['resting', 300, null], ['resting', 300, null], ['resting', 295, null], ['resting', 295, null]], 12_480),
    }),
  revoked: (now: number): Scenario => {
    const base: Scenario = { ...waiting(working(now), now, 38, 86_000), wizard: REVOKED_WIZARD };
    return with_(base, {
      standing: { icon: 'action_needed', headline: 'This computer may not send any more', cause: 'The server revoked it yesterday at 15:04', remedy: 'Ask your administrator, then set it up again; what waits stays on this computer', action: 'enroll' },
      can_screenshot: false,
      stages: stages(now, [['moving', 20, null], ['moving', 20, null], ['blocked', 86_000, 'The device was revoked'], ['blocked', 86_000, null]], 12_480),
      signals: [
        ...base.overview.signals.slice(0, 3),
        { name: 'screen', state: 'denied', backend: null, last_seen: null, detail: 'A revoked device takes no screenshots' },
      ],
    });
  },
  dead: (now: number): Scenario => {
    const base = working(now);
    return {
      ...with_(base, {
        standing: { icon: 'action_needed', headline: '4 events cannot be delivered', cause: 'The server refused them', remedy: 'Look at them in the Outbox', action: 'diagnose' },
        figures: { ...base.overview.figures, dead_letter: 4, rejected: 4, dropped: 12 },
        signals: [
          base.overview.signals[0]!,
          { name: 'idle', state: 'degraded', backend: 'x11 sync', last_seen: iso(now - 12_000), detail: 'It reports the mouse, but not the keyboard; allow it in the desktop’s settings' },
          base.overview.signals[2]!,
          { name: 'screen', state: 'unavailable', backend: null, last_seen: null, detail: 'The desktop offers no portal; install xdg-desktop-portal-gnome' },
        ],
      }),
      outbox: { ...base.outbox, dead: makeEvents('dead', 4, now) },
      autostart: { is_on: false, problem: { message: 'Your desktop does not start programs at login', hint: 'Add DevPulse to its session yourself' } },
    };
  },
  long: (now: number): Scenario => ({
    ...waiting(working(now), now, 1_200, 5_400),
    today: makeDay(now, { isLong: true }),
    outbox: { pending: makeEvents('pending', 1_200, now), sent: makeEvents('sent', 1_000, now), dead: makeEvents('dead', 300, now) },
  }),
  widened: (now: number): Scenario => ({
    ...with_(working(now), {
      consent_awaits: true,
      standing: { icon: 'action_needed', headline: 'Your agreement is asked', cause: 'Your organisation asks to capture more', remedy: 'Read what would change', action: 'review_consent' },
    }),
    consent: WIDENED,
  }),
  attached: (now: number): Scenario =>
    with_(working(now), { run_state: { kind: 'attached', pid: 4127 }, has_tray: false, can_quit: false, pause_rule: { allowed: false, max_minutes: 60 }, can_screenshot: false }),
  starting: (now: number): Scenario => ({
    ...with_(working(now), {
      run_state: { kind: 'starting' },
      standing: { icon: 'syncing', headline: 'Starting', cause: null, remedy: null, action: null },
      presence: null,
      signals: [],
    }),
    trend: [],
    today: { ...makeDay(now), spans: [], applications: [], bands: [], images: [], active_s: 0, idle_s: 0, locked_s: 0 },
    outbox: { pending: [], sent: [], dead: [] },
  }),
  failed: (now: number): Scenario =>
    with_(working(now), {
      run_state: { kind: 'failed', problem: { message: 'The agent does not start: its home belongs to another user', hint: 'as root: chown -R jane ~/.devpulse' } },
      standing: { icon: 'action_needed', headline: 'DevPulse does not work', cause: 'The agent does not start', remedy: 'See below', action: 'diagnose' },
      presence: null,
    }),
  errors: (now: number): Scenario => ({
    ...working(now),
    refusals: Object.fromEntries(
      ['overview', 'trend', 'today', 'outbox', 'settings', 'diagnose', 'gather_diagnostics', 'wizard', 'consent', 'autostart', 'image'].map((name) => [name, PROBLEM]),
    ),
  }),
  loading: (now: number): Scenario => ({
    ...working(now),
    silent: ['overview', 'trend', 'today', 'outbox', 'settings', 'diagnose', 'autostart', 'consent', 'wizard', 'image'],
  }),
};

export type ScenarioName = keyof typeof SCENARIOS;

export const SCENARIO_NAMES = Object.keys(SCENARIOS) as ScenarioName[];

export const makeScenario = (name: ScenarioName, now: number): Scenario => SCENARIOS[name](now);
