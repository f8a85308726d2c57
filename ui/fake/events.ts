// Events as the outbox shows them.

import type { OutboxEvent, OutboxWhich } from '../src/bindings';
import { generator, iso } from './day';

const APPS = ['Visual Studio Code', 'Firefox', 'Terminal', 'Thunderbird', 'Slack'];
const REASONS = [
  'invalid_event: the server does not know the field `data.severity`',
  'too_large: the event holds 81,204 bytes, the server takes 65,536',
];

export function makeEvents(which: OutboxWhich, count: number, now: number): OutboxEvent[] {
  return Array.from({ length: count }, (_, index) => makeEvent(which, index, count, now));
}

function makeEvent(which: OutboxWhich, index: number, count: number, now: number): OutboxEvent {
  const random = generator(index + 3);
  random();
  const seq = which === 'pending' ? 12_481 + index : 12_480 - index;
  const at = iso(which === 'pending' ? now - (count - index) * 4_000 : now - 30_000 - index * 21_000);
  const id = `0193514a-${seq.toString(16).padStart(4, '0')}-7b2c-9d1e-5f6a${which === 'dead' ? 'dead' : '0000'}${seq
    .toString(16)
    .padStart(4, '0')}`;
  const [type, summary, own] = which === 'dead' ? deadKind(index) : kind(index, at, random);
  const object = {
    event_id: id,
    epoch: '5f0c9a7e21d34b68',
    seq,
    event_type: type,
    timestamp: at,
    username: 'jane.doe',
    client_id: 'dev_7Q2M4XK9',
    ...own,
  };
  const isImage = type === 'screenshot';
  return {
    event_id: id,
    seq,
    event_type: type,
    timestamp: at,
    summary,
    json: JSON.stringify(object, null, 2),
    image: isImage
      ? { sha256: `${index % 7}`.repeat(64), width: 1600, height: 900, size_bytes: 148_220, is_here: index % 12 !== 11 }
      : null,
    reason: which === 'dead' ? (REASONS[index % REASONS.length] ?? null) : null,
  };
}

type Kind = [string, string, Record<string, unknown>];

function kind(index: number, at: string, random: () => number): Kind {
  switch (index % 6) {
    case 1:
      return ['heartbeat', 'Regular, 41 waiting', { heartbeat_type: 'regular', pending: 41, oldest_pending_s: 12.5, dropped: 0, capabilities: ['focus', 'idle', 'session', 'screen'] }];
    case 3:
      return ['screenshot', '1600 × 900, periodic', { screenshot_hash: `${index % 7}`.repeat(64), format: 'webp', width: 1600, height: 900, size_bytes: 148_220, monitor_index: 0, monitor_count: 1, trigger: 'periodic', duplicate_of: null }];
    case 4:
      return ['activity', 'Inactive', { activity_type: 'inactive' }];
    case 5:
      return ['custom', 'build.finished', { name: 'build.finished', data: { target: 'release', seconds: 214.5, ok: true, warnings: null } }];
    default: {
      const app = APPS[Math.floor(random() * APPS.length)]!;
      const seconds = Math.round(random() * 9000) / 10;
      return ['window', `${app}, ${Math.max(1, Math.round(seconds / 60))} min`, { window_title: 'sender.rs – devpulse', app_name: app, pid: 4120, start_time: iso(Date.parse(at) - seconds * 1000), end_time: at, duration: seconds }];
    }
  }
}

function deadKind(index: number): Kind {
  return index % 2 === 0
    ? ['custom', 'deploy.failed', { name: 'deploy.failed', data: { severity: 'high', service: 'billing' } }]
    : ['window', 'Visual Studio Code, 3 min', { window_title: 'x'.repeat(120), app_name: 'Visual Studio Code', pid: 4120, duration: 181.2 }];
}
