// Runs before the page's own script, in a browser that is driven by tests or by a person who designs.

import type { Screen } from '../src/bindings';
import { FakeBackend } from './backend';
import type { ScenarioName } from './scenarios';

declare global {
  interface Window {
    __SCENARIO__?: { name: ScenarioName; screen: Screen; tickMs?: number };
  }
}

const query = new URLSearchParams(location.search);
const wanted = window.__SCENARIO__ ?? {
  name: (query.get('scenario') ?? 'working') as ScenarioName,
  screen: (query.get('screen') ?? 'status') as Screen,
};
new FakeBackend(wanted.name, wanted.screen, wanted.tickMs).install(window);
