// A backend in the page, for tests: it answers the commands, and what it is told to do changes
// what it answers next.

import type { EnrollForm, Outbox, OutboxRequest, Screen, SyncEnd } from '../src/bindings';
import { iso } from './day';
import { Pace } from './pace';
import { makeScenario, type Scenario, type ScenarioName } from './scenarios';
import { DIAGNOSTICS, GATHERED, SETTINGS } from './texts';

type Args = Record<string, unknown>;

interface FakeChannel {
  id: number;
}

export class FakeBackend {
  readonly scenario: Scenario;
  readonly pace: Pace;
  /** Every command that was called, in order, with its arguments. */
  readonly calls: Array<[string, Args]> = [];
  private readonly callbacks = new Map<number, (message: unknown) => void>();
  private nextCallback = 1;
  private isCancelled = false;

  constructor(name: ScenarioName, readonly firstScreen: Screen, stepMs: number) {
    this.scenario = makeScenario(name, Date.now());
    this.pace = new Pace(stepMs);
  }

  install(target: Window & typeof globalThis): void {
    Object.assign(target, {
      __TAURI_INTERNALS__: {
        invoke: (command: string, args: Args = {}) => this.invoke(command, args),
        transformCallback: (callback: (message: unknown) => void) => {
          this.callbacks.set(this.nextCallback, callback);
          return this.nextCallback++;
        },
        unregisterCallback: (id: number) => this.callbacks.delete(id),
      },
      __FAKE__: this,
    });
  }

  async invoke(command: string, args: Args): Promise<unknown> {
    this.calls.push([command, args]);
    if (this.scenario.silent.includes(command)) {
      return new Promise(() => {});
    }
    const refusal = this.scenario.refusals[command];
    if (refusal) {
      throw refusal;
    }
    return structuredClone(await this.answer(command, args));
  }

  private answer(command: string, args: Args): unknown {
    const { scenario } = this;
    const { overview } = scenario;
    switch (command) {
      case 'overview':
        return overview;
      case 'trend':
        return scenario.trend;
      case 'today':
        return args.daysAgo === 0 ? scenario.today : scenario.yesterday;
      case 'outbox':
        return this.outbox(args.request as OutboxRequest);
      case 'image':
        return picture(String(args.sha256));
      case 'replay':
        return this.replay(args.eventId as string | null);
      case 'sync':
        return this.sync(args.progress as FakeChannel);
      case 'cancel_sync':
        this.isCancelled = true;
        return null;
      case 'pause':
        overview.pause = { since: iso(Date.now()), until: iso(Date.now() + Number(args.minutes) * 60_000), reason: args.reason as string | null };
        overview.standing = { icon: 'paused', headline: 'Paused', cause: 'You paused capture', remedy: null, action: 'resume' };
        return overview.pause;
      case 'resume':
        overview.pause = null;
        overview.standing = { icon: 'working', headline: 'Working', cause: null, remedy: null, action: null };
        return null;
      case 'take_screenshot':
        return 2;
      case 'settings':
        return SETTINGS;
      case 'autostart':
        return scenario.autostart;
      case 'set_autostart':
        scenario.autostart = { is_on: Boolean(args.on), problem: null };
        return scenario.autostart;
      case 'diagnose':
        return DIAGNOSTICS;
      case 'gather_diagnostics':
        return GATHERED;
      case 'write_diagnostics':
        return GATHERED.path;
      case 'wizard':
        return scenario.wizard;
      case 'enroll':
        return this.enroll(args.form as EnrollForm);
      case 'consent':
        return scenario.consent;
      case 'accept_consent':
        return this.accept();
      case 'first_screen':
        return this.firstScreen;
      case 'quit':
        return null;
      default:
        throw `unknown command ${command}`;
    }
  }

  private outbox({ which, limit }: OutboxRequest): Outbox {
    const events = this.scenario.outbox[which];
    const { pending, dead } = this.scenario.outbox;
    const counts = { pending: pending.length, sent: this.scenario.overview.figures.sent, dead: dead.length };
    return { events: events.slice(0, limit), counts, has_more: events.length > limit };
  }

  private replay(eventId: string | null): number {
    const { outbox, overview } = this.scenario;
    const kept = eventId === null ? [] : outbox.dead.filter((event) => event.event_id !== eventId);
    const count = outbox.dead.length - kept.length;
    outbox.dead = kept;
    overview.figures.dead_letter = kept.length;
    return count;
  }

  private async sync(channel: FakeChannel): Promise<SyncEnd> {
    const { overview, outbox, syncRate } = this.scenario;
    this.isCancelled = false;
    let sent = 0;
    for (let index = 0; overview.figures.pending > 0; index += 1) {
      await this.pace.next();
      if (this.isCancelled) {
        return { kind: 'stopped', sent };
      }
      const part = Math.min(syncRate, overview.figures.pending);
      sent += part;
      overview.figures.pending -= part;
      overview.figures.sent += part;
      overview.figures.images_pending = 0;
      outbox.pending = outbox.pending.slice(part);
      const message = { sent, pending: overview.figures.pending, last_error: null };
      this.callbacks.get(channel.id)?.({ index, message });
    }
    overview.standing = { icon: 'working', headline: 'Working', cause: null, remedy: null, action: null };
    overview.figures = { ...overview.figures, oldest_pending_s: null, last_error: null, next_attempt: null, last_receipt: iso(Date.now()) };
    overview.stages = overview.stages.map((stage) => ({ ...stage, state: 'moving', count: overview.figures.captured, detail: null }));
    return { kind: 'drained', sent };
  }

  private async enroll(form: EnrollForm) {
    await this.pace.next();
    const problem = this.scenario.enrollProblems.shift();
    if (problem) {
      throw problem;
    }
    return { username: form.username, server_url: form.server_url, key_place: 'in the system’s keychain' };
  }

  private accept(): null {
    const { overview } = this.scenario;
    overview.consent_awaits = false;
    overview.run_state = { kind: 'here' };
    overview.standing = { icon: 'working', headline: 'Working', cause: null, remedy: null, action: null };
    return null;
  }
}

/** A desktop with two windows, in one of seven colours. */
function picture(sha256: string): string {
  const hue = Number(sha256[0]) * 51;
  const svg =
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1600 900"><rect width="1600" height="900" fill="hsl(${hue} 30% 32%)"/>` +
    '<rect width="1600" height="36" fill="#222"/><rect x="90" y="100" width="900" height="660" rx="10" fill="#fafafa"/>' +
    `<rect x="90" y="100" width="220" height="660" fill="hsl(${hue} 25% 88%)"/><rect x="350" y="160" width="500" height="22" fill="#999"/>` +
    '<rect x="350" y="210" width="590" height="14" fill="#ccc"/><rect x="350" y="240" width="540" height="14" fill="#ccc"/>' +
    '<rect x="1040" y="240" width="470" height="440" rx="10" fill="#1d2021"/><rect x="1070" y="290" width="300" height="12" fill="#8c9"/></svg>';
  return `data:image/svg+xml,${encodeURIComponent(svg)}`;
}
