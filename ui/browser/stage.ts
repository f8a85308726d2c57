// One browser for all tests; a page in a scenario, at a fixed moment.

import { type Browser, chromium, type Page } from 'playwright-core';
import { inject } from 'vitest';
import type { ScenarioName } from '../fake/scenarios';
import type { Screen } from '../src/bindings';

export const NOW = new Date('2026-11-20T13:32:00Z');

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
  tickMs?: number;
}

export interface Opened {
  page: Page;
  /** What the page complained about: thrown errors, refused sources, console errors. */
  complaints: string[];
}

let stage: Promise<Opened> | undefined;

/** The page is one for all scenes, because a new one costs more than most tests. */
export async function open(opening: Opening): Promise<Opened> {
  const { scenario, screen, theme = 'light', width = 1000, height = 800, tickMs = 150 } = opening;
  stage ??= makeStage();
  const { page, complaints } = await stage;
  await page.emulateMedia({ colorScheme: theme, reducedMotion: 'reduce' });
  await page.setViewportSize({ width, height });
  complaints.length = 0;
  await page.goto(`${inject('origin')}/?scenario=${scenario}&screen=${screen}&tick=${tickMs}`);
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
  await page.waitForFunction(() => document.querySelector('.skeleton:not(.picture-waits)') === null, undefined, { timeout: 5000 });
}
