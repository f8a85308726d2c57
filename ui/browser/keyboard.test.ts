// Everything can be done without a mouse, and the focus can always be seen.

import type { Page } from 'playwright-core';
import { afterAll, describe, expect, test } from 'vitest';
import type { Screen } from '../src/bindings';
import { asked, close, DEADLINE_MS, hasChromium, open, settle } from './stage';

afterAll(close);

const focused = (page: Page) =>
  page.evaluate(() => {
    const one = document.activeElement as HTMLElement | null;
    return one?.getAttribute('name') || one?.id || one?.tagName || '';
  });

/** Waits until the element has the focus: it moves a moment after what it follows is drawn. */
const focusOn = (page: Page, name: string) => expect.poll(() => focused(page), { timeout: DEADLINE_MS }).toBe(name);

/** Waits until a step of the wizard has begun, which takes the focus to its heading. */
const stepBegins = (page: Page, step: number) => page.locator(`[data-step="${step}"] h1:focus`).waitFor();

/** Presses Tab until the element has the focus. */
async function tabTo(page: Page, name: string) {
  for (let presses = 0; presses < 60; presses += 1) {
    if ((await focused(page)) === name) {
      return;
    }
    await page.keyboard.press('Tab');
  }
  throw new Error(`the Tab key does not lead to ${name}`);
}

describe.runIf(hasChromium)('the keyboard', () => {
  test('goes through the whole wizard', async () => {
    const { page, complaints } = await open({ scenario: 'refused', screen: 'wizard' });
    await settle(page);
    await tabTo(page, 'continue');
    await page.keyboard.press('Enter');
    await stepBegins(page, 2);
    await tabTo(page, 'server');
    await page.keyboard.type('https://pulse.example.com');
    await tabTo(page, 'secret');
    await page.keyboard.type('example-secret');
    await page.keyboard.press('Enter');
    await page.locator('#enroll-server-error').waitFor();
    await focusOn(page, 'server');
    await page.keyboard.press('Enter');
    await page.locator('#enroll-secret-error').waitFor();
    await focusOn(page, 'secret');
    await page.keyboard.press('Enter');
    await stepBegins(page, 3);
    await tabTo(page, 'start-at-login');
    await page.keyboard.press('Space');
    await tabTo(page, 'agree');
    await page.keyboard.press('Space');
    await page.keyboard.press('Enter');
    await stepBegins(page, 4);
    await tabTo(page, 'finish');
    await page.keyboard.press('Enter');
    await page.locator('#pipeline').waitFor();
    expect(complaints).toEqual([]);
  });

  test.each<Screen>(['status', 'today', 'outbox', 'settings'])('reaches all of %s, and is always seen', async (screen) => {
    const { page } = await open({ scenario: 'dead', screen });
    await settle(page);
    const unreached = await page.evaluate(() => {
      const all = 'button, input, summary, [tabindex="0"], a[href]';
      return [...document.querySelectorAll<HTMLElement>(all)].filter((one) => one.tabIndex >= 0).length;
    });
    const seen = new Set<string>();
    for (let presses = 0; presses < unreached + 4; presses += 1) {
      await page.keyboard.press('Tab');
      const look = await page.evaluate(() => {
        const one = document.activeElement as HTMLElement;
        if (one === document.body) {
          return null;
        }
        const drawn = one.matches('.segment input') ? (one.nextElementSibling as HTMLElement) : one;
        const box = drawn.getBoundingClientRect();
        return {
          key: `${one.tagName} ${one.getAttribute('name') ?? ''} ${one.id} ${one.textContent?.slice(0, 40)}`,
          outline: getComputedStyle(drawn).outlineStyle,
          isInView: box.bottom > 0 && box.top < innerHeight,
        };
      });
      if (look) {
        seen.add(look.key);
        expect(look).toMatchObject({ outline: 'solid', isInView: true });
      }
    }
    expect(seen.size).toBeGreaterThan(6);
  });

  test('opens a dialog, and Escape closes it and brings the focus back', async () => {
    const { page } = await open({ scenario: 'working', screen: 'status' });
    await settle(page);
    await tabTo(page, 'pause');
    await page.keyboard.press('Enter');
    await page.locator('dialog[open]').waitFor();
    await page.keyboard.press('Escape');
    await page.locator('dialog').waitFor({ state: 'detached' });
    await focusOn(page, 'pause');
  });

  test('pauses for the time that the arrow keys choose, and the focus stays near', async () => {
    const { page } = await open({ scenario: 'working', screen: 'status' });
    await settle(page);
    await tabTo(page, 'pause');
    await page.keyboard.press('Enter');
    await page.locator('dialog[open] input[name=minutes]:focus').waitFor();
    await page.keyboard.press('ArrowRight');
    await page.locator('input[name=minutes][value="30"]:checked').waitFor();
    await page.keyboard.press('Enter');
    await page.locator('dialog').waitFor({ state: 'detached' });
    await page.locator('#paused').waitFor();
    await page.waitForFunction(() => document.activeElement?.closest('#actions'));
    expect(await page.locator('#paused').textContent()).toContain('30:00');
  });

  test('goes from screen to screen by number', async () => {
    const { page } = await open({ scenario: 'dead', screen: 'status' });
    await settle(page);
    await page.keyboard.press('Control+3');
    await page.locator('[role=tablist]').waitFor();
    await expect.poll(() => page.title(), { timeout: DEADLINE_MS }).toContain('Outbox');
  });

  test('opens, leaves and closes events', async () => {
    const { page } = await open({ scenario: 'dead', screen: 'outbox' });
    await settle(page);
    await tabTo(page, 'pending');
    await page.keyboard.press('ArrowLeft');
    await page.locator('.event').first().waitFor();
    await focusOn(page, 'dead');
    await page.locator('.event-head').first().focus();
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
    await page.locator('.event-body').waitFor();
    await page.keyboard.press('Escape');
    await page.locator('.event-body').waitFor({ state: 'detached' });
  });
});

describe.runIf(hasChromium)('a list of a thousand', () => {
  test('is left alone while nothing about it changes', async () => {
    const { page } = await open({ scenario: 'long', screen: 'outbox' });
    await settle(page);
    for (let shown = 200; shown <= 1000; shown += 100) {
      await page.locator('button[name=more-events]').click();
      await page.waitForFunction((count) => document.querySelectorAll('.event').length === count, shown);
    }
    const changes = await page.evaluateHandle(() => {
      const seen: MutationRecord[] = [];
      new MutationObserver((found) => seen.push(...found)).observe(document.querySelector('.events')!, {
        subtree: true,
        childList: true,
        attributes: true,
        characterData: true,
      });
      return seen;
    });
    await asked(page, 'overview', 3);
    expect(await changes.evaluate((seen) => seen.length)).toBe(0);
  });
});
