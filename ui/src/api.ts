// The backend's commands, typed. Nothing else in the window calls `invoke`.

import { Channel, invoke } from '@tauri-apps/api/core';
import type {
  Autostart,
  ConsentView,
  Diagnostics,
  EnrollForm,
  Enrolled,
  EnrollProblem,
  Gathered,
  Outbox,
  OutboxRequest,
  Overview,
  PauseView,
  Problem,
  Screen,
  SettingRow,
  SyncEnd,
  SyncReport,
  Today,
  TrendPoint,
  Wizard,
} from './bindings';

export const api = {
  overview: () => invoke<Overview>('overview'),
  trend: () => invoke<TrendPoint[]>('trend'),
  today: (daysAgo: number) => invoke<Today>('today', { daysAgo }),
  outbox: (request: OutboxRequest) => invoke<Outbox>('outbox', { request }),
  /** A data URL; rejects with a `Problem` where the image is gone. */
  image: (sha256: string) => invoke<string>('image', { sha256 }),
  /** Gives one dead letter, or all, another try; answers how many. */
  replay: (eventId: string | null) => invoke<number>('replay', { eventId }),
  sync: (report: (report: SyncReport) => void) => {
    const progress = new Channel<SyncReport>();
    progress.onmessage = report;
    return invoke<SyncEnd>('sync', { progress });
  },
  cancelSync: () => invoke<null>('cancel_sync'),
  pause: (minutes: number, reason: string | null) => invoke<PauseView>('pause', { minutes, reason }),
  resume: () => invoke<null>('resume'),
  /** Answers how many images were taken. */
  takeScreenshot: () => invoke<number>('take_screenshot'),
  settings: () => invoke<SettingRow[]>('settings'),
  autostart: () => invoke<Autostart>('autostart'),
  setAutostart: (on: boolean) => invoke<Autostart>('set_autostart', { on }),
  /** Takes up to 10 s. */
  diagnose: () => invoke<Diagnostics>('diagnose'),
  /** Takes up to 10 s, and writes nothing. */
  gatherDiagnostics: () => invoke<Gathered>('gather_diagnostics'),
  /** Writes what was gathered last; answers where. */
  writeDiagnostics: () => invoke<string>('write_diagnostics'),
  wizard: () => invoke<Wizard>('wizard'),
  /** Rejects with an `EnrollProblem`. */
  enroll: (form: EnrollForm) => invoke<Enrolled>('enroll', { form }),
  consent: () => invoke<ConsentView>('consent'),
  /** Agrees to the text that was shown; rejects where another one is asked for by now. */
  acceptConsent: ({ policy_version, digest }: Pick<ConsentView, 'policy_version' | 'digest'>) =>
    invoke<null>('accept_consent', { policyVersion: policy_version, digest }),
  firstScreen: () => invoke<Screen>('first_screen'),
  quit: () => invoke<null>('quit'),
};

/** What was thrown, as something a person can read. */
export function problemOf(thrown: unknown): Problem {
  if (isProblem(thrown)) {
    return { message: thrown.message, hint: thrown.hint ?? null };
  }
  return { message: typeof thrown === 'string' ? thrown : String(thrown), hint: null };
}

/** What enrolling threw, with the field it is about. */
export function enrollProblemOf(thrown: unknown): EnrollProblem {
  const field = isProblem(thrown) && 'field' in thrown ? (thrown as EnrollProblem).field : null;
  return { field, ...problemOf(thrown) };
}

function isProblem(thrown: unknown): thrown is Problem {
  return typeof thrown === 'object' && thrown !== null && 'message' in thrown && !(thrown instanceof Error);
}
