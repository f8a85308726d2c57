// Runs before the page's own script, in a browser that is driven by tests or by a person who designs:
// the address names the scenario, the screen, and how many milliseconds a step of long work takes.

import type { Screen } from '../src/bindings';
import { FakeBackend } from './backend';
import type { ScenarioName } from './scenarios';

const query = new URLSearchParams(location.search);
const scenario = (query.get('scenario') ?? 'working') as ScenarioName;
const screen = (query.get('screen') ?? 'status') as Screen;
new FakeBackend(scenario, screen, Number(query.get('step') ?? 200)).install(window);
