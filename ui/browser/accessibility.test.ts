// Every screen in every state, both themes, narrow and wide: nothing that axe objects to, nothing
// that the content policy refuses, nothing that runs off the side.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Page } from 'playwright-core';
import { afterAll, describe, expect, test } from 'vitest';
import { close, hasChromium, open, settle } from './stage';
import { SCENES } from './scenes';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const TAGS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];

/** What theme and width can change. */
const LOOK_RULES = ['color-contrast', 'target-size', 'scrollable-region-focusable', 'link-in-text-block'];

/** Rows like those before them, and pictures that are hidden from readers. */
const REPEATS = ['.event:nth-child(n+12):not(.open)', '.spans tr:nth-child(n+8)', '.timeline-picture svg'];

/** A screen's main scene is looked at in all of them, its other states in the first two. */
const LOOKS = [
  ['light', 1000],
  ['dark', 480],
  ['light', 480],
  ['dark', 1000],
] as const;

afterAll(close);

describe.runIf(hasChromium)('a scene is accessible', () => {
  test.each(SCENES)('$name', async (scene) => {
    const { page, complaints } = await open({ ...scene, width: 1000 });
    if (!scene.isLoading) {
      await settle(page);
    }
    await scene.act?.(page);
    await page.evaluate(AXE);
    const found: string[] = [];
    for (const [turn, [theme, width]] of (scene.isMain ? LOOKS : LOOKS.slice(0, 2)).entries()) {
      await page.setViewportSize({ width, height: 640 });
      await page.emulateMedia({ colorScheme: theme, reducedMotion: 'reduce' });
      found.push(...(await violations(page, turn === 0 || scene.isMain === true)).map((one) => `${theme} ${width}: ${one}`));
      if (await runsOffTheSide(page)) {
        found.push(`${width}: the page is wider than the window`);
      }
      if (width === 480 && (await runsOffTheSideInWideLetters(page))) {
        found.push(`${width}: in wide letters the page is wider than the window`);
      }
    }
    expect(found).toEqual([]);
    expect(complaints).toEqual([]);
  });
});

async function violations(page: Page, isWhole: boolean): Promise<string[]> {
  const runOnly = isWhole ? { type: 'tag', values: TAGS } : { type: 'rule', values: LOOK_RULES };
  return page.evaluate(
    async ([only, repeats]) => {
      const axe = (window as unknown as { axe: { run: (context: unknown, options: unknown) => Promise<AxeResult> } }).axe;
      const context = { include: [['html']], exclude: repeats.map((one) => [one]) };
      const { violations: all } = await axe.run(context, { runOnly: only, resultTypes: ['violations'] });
      return all.map((one) => `${one.impact} ${one.id}: ${one.nodes.map((node) => node.html).slice(0, 3).join(' ')}`);
    },
    [runOnly, REPEATS] as const,
  );
}

interface AxeResult {
  violations: Array<{ id: string; impact: string; nodes: Array<{ html: string }> }>;
}

const runsOffTheSide = (page: Page) =>
  page.evaluate(() =>
    [...document.querySelectorAll('.content, .wizard, dialog[open]')].some((one) => one.scrollWidth > one.clientWidth + 1),
  );

/** With the spacing that a person may set (WCAG 1.4.12), which is wider than any usual font. */
async function runsOffTheSideInWideLetters(page: Page): Promise<boolean> {
  await page.evaluate(() => {
    const wide = new CSSStyleSheet();
    wide.replaceSync('* { letter-spacing: 0.12em !important; word-spacing: 0.16em !important; }');
    document.adoptedStyleSheets = [wide];
  });
  const runsOff = await runsOffTheSide(page);
  await page.evaluate(() => {
    document.adoptedStyleSheets = [];
  });
  return runsOff;
}
