// What a backend discloses, asks and sets.

import type { ConsentView, Diagnostics, DisclosureText, Gathered, SettingRow, Wizard } from '../src/bindings';

/** What can be recorded, before a server was asked. */
export const DISCLOSURE: DisclosureText = {
  title: 'What DevPulse may record on this computer',
  sections: [
    {
      topic: 'captured',
      heading: 'What your organisation’s policy decides within',
      items: [
        'When you are active or away, and when the screen is locked or the computer sleeps.',
        'Which window has the focus and for how long, with its title and its application: the policy may take out titles, applications or all of it.',
        'Pictures of your screens, where the policy asks for them: when you ask for one, at intervals, when you change to another window, or when you unlock the screen.',
      ],
    },
    {
      topic: 'never',
      heading: 'What is never recorded',
      items: ['The keys that you press, the clipboard, the position of the pointer, sound, and the camera.'],
    },
    {
      topic: 'receiver',
      heading: 'Where it goes',
      items: ['To the one server where you enroll, and nowhere else. Nothing is recorded before that, and you see the policy itself before recording begins.'],
    },
    {
      topic: 'readers',
      heading: 'Who can see it',
      items: ['You: everything is shown as it is sent.', 'Whomever your organisation lets read what its server received.', 'No other user of this computer, but its administrator.'],
    },
    {
      topic: 'control',
      heading: 'What you can do',
      items: ['Where more is asked for than you agreed to, you see old and new first, and nothing more is recorded before you agree.'],
    },
  ],
};

/** What a policy asks for. */
const POLICY: DisclosureText = {
  title: 'What DevPulse records on this computer',
  sections: [
    {
      topic: 'captured',
      heading: 'What is recorded',
      items: [
        'When you are active or away, and when the screen is locked or the computer sleeps. You count as away after 5 minutes without input.',
        'Which window has the focus and for how long, with its title and its application.',
        'A window of an application that matches "^Signal$" is not recorded.',
        'Private browsing is not recorded, and password managers only without titles, as far as the built-in rules know them.',
        'A picture of each screen, about every 10 minutes.',
        'Every minute, that DevPulse runs, what it can observe here, and how much waits to be sent.',
      ],
    },
    DISCLOSURE.sections[1]!,
    {
      topic: 'receiver',
      heading: 'Where it goes',
      items: ['To https://pulse.example.com, the server of your organisation, and nowhere else.'],
    },
    {
      topic: 'storage',
      heading: 'How long it stays here',
      items: ['What waits to be sent stays until the server has confirmed it.', 'What was delivered stays readable here for 24 hours.', 'It lies in a folder that only you can read, and takes 512 MB at the most.'],
    },
    DISCLOSURE.sections[3]!,
    {
      topic: 'control',
      heading: 'What you can do',
      items: ['You may pause recording, for 1 hour at a time.', ...DISCLOSURE.sections[4]!.items],
    },
  ],
};

const NOTHING: DisclosureText = { title: 'Nothing is recorded on this computer', sections: [] };

export const WIZARD: Wizard = {
  disclosure: DISCLOSURE,
  preset_server: null,
  has_preset_secret: false,
  preset_problem: null,
  server_url: null,
  username: 'jane',
  is_enrolled: false,
  former: null,
};

/** As it is on a revoked device. */
export const REVOKED_WIZARD: Wizard = {
  ...WIZARD,
  username: 'jane.doe',
  server_url: 'https://pulse.example.com',
  is_enrolled: true,
  former: { username: 'jane.doe', server_url: 'https://pulse.example.com', events: 38, images: 1 },
};

export const FIRST_CONSENT: ConsentView = {
  accepted_at: null,
  accepted_version: null,
  in_force: NOTHING,
  proposed: POLICY,
  widened: [{ aspect: 'windows', before: [], after: ['Which window has the focus and for how long, with its title and its application.'] }],
  policy_version: 7,
  digest: '5d41402abc4b2a76',
};

export const CONSENT: ConsentView = {
  ...FIRST_CONSENT,
  accepted_at: '2026-10-02T07:12:00.000Z',
  accepted_version: 7,
  in_force: POLICY,
  widened: [],
};

export const WIDENED: ConsentView = {
  ...CONSENT,
  widened: [
    {
      aspect: 'windows',
      before: ['Which application has the focus and for how long, without the titles of windows.'],
      after: ['Which window has the focus and for how long, with its title and its application.'],
    },
    {
      aspect: 'screenshots',
      before: ['A picture of each screen, about every 10 minutes.'],
      after: ['A picture of each screen, about every 2 minutes.', 'A picture of each screen when you change to another window.'],
    },
  ],
  policy_version: 9,
  digest: '7d793037a0760186',
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
    {
      name: 'focus',
      state: 'warning',
      detail: 'unavailable: gnome-extension: GNOME tells nobody which window has the focus, and the DevPulse extension, which does, is not running',
      remedy: 'install the extension with `devpulse-client doctor --install-gnome-extension`, and log out and in again',
    },
    { name: 'screen', state: 'failed', detail: 'the portal refused a screen', remedy: 'allow DevPulse to share the screen when the desktop asks' },
    { name: 'proxy', state: 'unknown', detail: 'none is set', remedy: null },
  ],
};

export const GATHERED: Gathered = {
  path: '/home/jane/Downloads/devpulse-diagnostics-20261120143200.tar.gz',
  parts: [
    { name: 'about.txt', about: 'what is in here, and what is not', bytes: 812 },
    { name: 'versions.json', about: 'versions of DevPulse and of the system', bytes: 230 },
    { name: 'doctor.json', about: 'what works, what does not, and why', bytes: 3_190 },
    { name: 'status.json', about: 'the agent’s states and counters', bytes: 1_870 },
    { name: 'settings.json', about: 'every setting with its origin; of rules only how many', bytes: 4_410 },
    { name: 'event-log.json', about: 'the event log’s version and size, and no event', bytes: 360 },
    { name: 'files.json', about: 'the files in the agent’s home: names and sizes', bytes: 1_020 },
    { name: 'logs/devpulse.2026-11-20.log', about: 'the end of a log', bytes: 61_400 },
  ],
};
