// The whole window in a faked document, on a faked backend.

import { render } from 'preact';
import { afterEach, vi } from 'vitest';
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
  const backend = new FakeBackend(name, screen, 5);
  change(backend.scenario);
  backend.install(window as Window & typeof globalThis);
  place = document.body.appendChild(document.createElement('div'));
  render(<App />, place);
  const find = <E extends HTMLElement>(selector: string) => document.querySelector<E>(selector);
  const see = <E extends HTMLElement>(selector: string): Promise<E> =>
    vi.waitFor(() => {
      const found = find<E>(selector);
      if (!found) {
        throw new Error(`nothing matches ${selector} in: ${document.body.textContent}`);
      }
      return found;
    }, 8000);
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

export const eventually = <T,>(check: () => T | Promise<T>) => vi.waitFor(check, 8000);

afterEach(() => {
  if (place) {
    render(null, place);
    place.remove();
    place = undefined;
  }
  localStorage.clear();
  delete document.documentElement.dataset.theme;
});
