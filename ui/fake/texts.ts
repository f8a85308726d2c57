// What a backend discloses, asks and sets.

import type { ConsentView, Diagnostics, DisclosureText, Exported, SettingRow, Wizard } from '../src/bindings';

export const DISCLOSURE: DisclosureText = {
  summary: 'DevPulse tells your organisation what you work on with this computer, and shows you everything that it tells.',
  captured: [
    { title: 'Active and idle time', text: 'When you use the keyboard or mouse, and when you have not for 5 minutes. Never which keys.' },
    { title: 'The window in focus', text: 'The name of its application, its title, and for how long it had the focus.' },
    { title: 'Screenshots', text: 'One every 10 minutes, scaled to 1,600 pixels. Windows that a rule hides are painted over before anything is stored.' },
    { title: 'Lock, sleep and shutdown', text: 'When the screen is locked, and when the computer sleeps, wakes or ends.' },
  ],
  never: [
    'What you type, and where you click',
    'Sound, camera and microphone',
    'Private browser windows and password managers',
    'Anything while DevPulse is paused or your screen is locked',
  ],
  handling: [
    { title: 'Where it goes', text: 'Over an encrypted connection to https://pulse.example.com, and nowhere else.' },
    { title: 'How long it stays here', text: 'Until the server has acknowledged it, and 24 hours longer so that you can read it.' },
    { title: 'How to pause', text: 'From the tray or the Status screen, for up to 60 minutes at a time.' },
  ],
};

export const WIZARD: Wizard = {
  disclosure: DISCLOSURE,
  preset_server: null,
  has_preset_secret: false,
  preset_problem: null,
  server_url: null,
  username: 'jane',
  is_enrolled: false,
};

export const CONSENT: ConsentView = {
  accepted_at: null,
  accepted_version: null,
  in_force: DISCLOSURE,
  proposed: null,
  widened: [],
  policy_version: 7,
};

export const WIDENED: ConsentView = {
  accepted_at: '2026-10-02T07:12:00.000Z',
  accepted_version: 7,
  in_force: DISCLOSURE,
  proposed: {
    ...DISCLOSURE,
    captured: DISCLOSURE.captured.map((item) =>
      item.title === 'Screenshots' ? { ...item, text: 'One every 2 minutes, and one whenever the window changes.' } : item,
    ),
  },
  widened: [
    { subject: 'Screenshots', before: 'One every 10 minutes', after: 'One every 2 minutes, and one whenever the window changes' },
    { subject: 'Window titles', before: 'Only the application’s name', after: 'The whole title' },
  ],
  policy_version: 9,
};

const row = (name: string, value: unknown, origin: string, variable: string | null = null): SettingRow => ({
  name,
  value: JSON.stringify(value),
  origin,
  variable,
});

export const SETTINGS: SettingRow[] = [
  row('server_url', 'https://pulse.example.com', 'enrollment'),
  row('username', 'jane.doe', 'enrollment'),
  row('home', '/home/jane/.devpulse', 'default'),
  row('log', 'info,devpulse_agent=debug', 'environment', 'DEVPULSE_LOG'),
  row('heartbeat_interval_s', 60, 'default'),
  row('idle_threshold_s', 300, 'server'),
  row('config_poll_s', 300, 'default'),
  row('batch.max_events', 50, 'config.toml'),
  row('batch.max_bytes', 1048576, 'default'),
  row('batch.max_interval_ms', 5000, 'default'),
  row('screenshot.enabled', true, 'managed'),
  row('screenshot.interval_s', 600, 'server'),
  row('screenshot.jitter', 0.2, 'default'),
  row('screenshot.max_width', 1600, 'default'),
  row('screenshot.triggers', ['periodic'], 'default'),
  row('window.enabled', true, 'default'),
  row('window.title_policy', 'full', 'server'),
  row('window.rules', [{ app: '^Signal$', action: 'drop' }, { app: '^KeePassXC$', action: 'app_only' }], 'config.toml'),
  row('pause.allowed', true, 'default'),
  row('pause.max_minutes', 60, 'server'),
  row('limits.max_disk_mb', 512, 'default'),
  row('limits.history_hours', 24, 'default'),
];

export const DIAGNOSTICS: Diagnostics = {
  checks: [
    { name: 'server', state: 'ok', detail: 'https://pulse.example.com answers in 42 ms', remedy: null },
    { name: 'clock', state: 'ok', detail: 'it differs from the server’s by 0.2 s', remedy: null },
    { name: 'keychain', state: 'warning', detail: 'no keychain answers, so the key lies in a file of yours alone', remedy: 'install gnome-keyring, then enroll again' },
    { name: 'focus', state: 'ok', detail: 'x11 serves it', remedy: null },
    { name: 'screen', state: 'failed', detail: 'the portal refused a screen', remedy: 'allow DevPulse to share the screen when the desktop asks' },
    { name: 'proxy', state: 'unknown', detail: 'none is set', remedy: null },
  ],
};

export const EXPORTED: Exported = {
  path: '/home/jane/.devpulse/diagnostics-2026-11-20T143200.json',
  contents: ['Versions of DevPulse and of the system', 'Effective settings with their origin', 'Counters of the pipeline', 'Checks and their results', 'The last 2,000 log lines'],
};
