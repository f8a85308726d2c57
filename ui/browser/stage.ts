// One browser for all tests; a page in a scenario, at a fixed moment.

import { type Browser, chromium, type Page } from 'playwright-core';
import { inject } from 'vitest';
import type { FakeBackend } from '../fake/backend';
import type { ScenarioName } from '../fake/scenarios';
import type { Screen } from '../src/bindings';

export const NOW = new Date('2026-11-20T13:32:00Z');

/** How long anything may take that has to come: long enough for a machine that is busy with other work. */
export const DEADLINE_MS = 90_000;

export const hasChromium = inject('chromium') !== null;

const FLAGS = [
  '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync',
];

let browser: Promise<Browser> | undefined;

function launch(): Promise<Browser> {
  browser ??= chromium.launch({ executablePath: inject('chromium') ?? undefined, headless: true, args: FLAGS });
  return browser;
}

export async function close(): Promise<void> {
  await (await browser)?.close();
  browser = undefined;
  stage = undefined;
}

export interface Opening {
  scenario: ScenarioName;
  screen: Screen;
  theme?: 'light' | 'dark';
  width?: number;
  height?: number;
}

export interface Opened {
  page: Page;
  /** What the page complained about: thrown errors, refused sources, console errors. */
  complaints: string[];
}

let stage: Promise<Opened> | undefined;

/** The page is one for all scenes, because a new one costs more than most tests. */
export async function open(opening: Opening): Promise<Opened> {
  const { scenario, screen, theme = 'light', width = 1000, height = 800 } = opening;
  stage ??= makeStage();
  const { page, complaints } = await stage;
  await page.emulateMedia({ colorScheme: theme, reducedMotion: 'reduce' });
  await page.setViewportSize({ width, height });
  complaints.length = 0;
  await page.goto(`${inject('origin')}/?scenario=${scenario}&screen=${screen}&step=0`);
  await page.locator('h1, [role=status], [role=alert]').first().waitFor({ state: 'attached' });
  return { page, complaints };
}

/** The app freezes the prototype of all objects (`freezePrototype`), so the page has it frozen too. */
async function makeStage(): Promise<Opened> {
  const context = await (await launch()).newContext({
    locale: 'en-GB',
    timezoneId: 'Europe/Berlin',
    permissions: ['clipboard-read', 'clipboard-write'],
  });
  context.setDefaultTimeout(DEADLINE_MS);
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
  await page.clock.setFixedTime(NOW);
  await page.addInitScript(`localStorage.clear();\n${inject('fake')}\nObject.freeze(Object.prototype);`);
  return { page, complaints };
}

/** Waits until nothing on the page says that it is loading. */
export async function settle(page: Page): Promise<void> {
  await page.waitForFunction(() => document.querySelector('.skeleton:not(.picture-waits)') === null);
}

/** From here on long work of the backend waits for `step`. */
export const hold = (page: Page) => page.evaluate(() => (window as unknown as Faked).__FAKE__.pace.hold());

export const step = (page: Page) => page.evaluate(() => (window as unknown as Faked).__FAKE__.pace.step());

/** Waits until the page has asked for this `count` times more. */
export async function asked(page: Page, command: string, count: number): Promise<void> {
  const calls = (name: string) => (window as unknown as Faked).__FAKE__.calls.filter(([one]) => one === name).length;
  const before = await page.evaluate(calls, command);
  await page.waitForFunction(
    ([name, goal]) => (window as unknown as Faked).__FAKE__.calls.filter(([one]) => one === name).length >= goal,
    [command, before + count] as const,
  );
}

interface Faked {
  __FAKE__: FakeBackend;
}
