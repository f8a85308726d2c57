// The whole window in a faked document, on a faked backend, in a time that only the tests move.

import { render } from 'preact';
import { afterEach, beforeEach, vi } from 'vitest';
import { FakeBackend } from '../fake/backend';
import type { Scenario, ScenarioName } from '../fake/scenarios';
import { App } from '../src/app';
import type { Screen } from '../src/bindings';

export interface Stage {
  backend: FakeBackend;
  /** The first element that matches; waits for it. */
  see: <E extends HTMLElement>(selector: string) => Promise<E>;
  sees: (selector: string) => boolean;
  text: () => string;
  press: (name: string) => Promise<void>;
  type: (selector: string, text: string) => Promise<void>;
  called: (command: string) => Array<Record<string, unknown>>;
}

let place: HTMLElement | undefined;

export function open(name: ScenarioName, screen: Screen, change: (scenario: Scenario) => void = () => {}): Stage {
  const backend = new FakeBackend(name, screen, 0);
  change(backend.scenario);
  backend.install(window as Window & typeof globalThis);
  place = document.body.appendChild(document.createElement('div'));
  render(<App />, place);
  const find = <E extends HTMLElement>(selector: string) => document.querySelector<E>(selector);
  const see = <E extends HTMLElement>(selector: string): Promise<E> =>
    eventually(() => {
      const found = find<E>(selector);
      if (!found) {
        throw new Error(`nothing matches ${selector} in: ${document.body.textContent}`);
      }
      return found;
    });
  return {
    backend,
    see,
    sees: (selector) => find(selector) !== null,
    text: () => document.body.textContent ?? '',
    press: async (button) => (await see(`button[name="${button}"]`)).click(),
    type: async (selector, text) => {
      const input = await see<HTMLInputElement>(selector);
      input.value = text;
      input.dispatchEvent(new Event('input', { bubbles: true }));
    },
    called: (command) => backend.calls.filter(([one]) => one === command).map(([, args]) => args),
  };
}

/** Lets the window's time pass until the check holds, 10 s at the most. */
export async function eventually<T>(check: () => T): Promise<T> {
  for (let waitedMs = 0; ; waitedMs += LOOK_MS) {
    try {
      return check();
    } catch (error) {
      if (waitedMs >= 10_000) {
        throw error;
      }
    }
    await pass(LOOK_MS);
  }
}

export const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);

const LOOK_MS = 20;

/** After this, Preact has no effect left that waits for a frame. */
const FRAME_MS = 200;

beforeEach(() => {
  vi.useFakeTimers({ now: new Date('2026-11-20T13:32:00Z') });
});

afterEach(async () => {
  if (place) {
    render(null, place);
    place.remove();
    place = undefined;
  }
  localStorage.clear();
  delete document.documentElement.dataset.theme;
  await pass(FRAME_MS);
  vi.useRealTimers();
});
