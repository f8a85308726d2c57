// Every screen in every state, both themes, two widths, as images for a person to look at.
// DEVPULSE_SHOTS names the directory; DEVPULSE_SHOTS_ONLY a part of the images' names.

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, test } from 'vitest';
import { close, open, settle } from './stage';
import { type Scene, SCENES } from './scenes';

const directory = process.env.DEVPULSE_SHOTS ?? 'shots';
const only = process.env.DEVPULSE_SHOTS_ONLY ?? '';

beforeAll(() => mkdirSync(directory, { recursive: true }));
afterAll(close);

for (const scene of SCENES) {
  for (const theme of ['light', 'dark'] as const) {
    for (const width of [480, 1000]) {
      const name = `${scene.name}-${theme}-${width}`;
      test.runIf(name.includes(only))(name, () => shoot(name, scene, theme, width));
    }
  }
}

async function shoot(
  name: string,
  scene: Scene,
  theme: 'light' | 'dark',
  width: number,
) {
  const { page } = await open({ ...scene, theme, width, height: width === 480 ? 720 : 800 });
  if (!scene.isLoading) {
    await settle(page);
  }
  await scene.act?.(page);
  const height = await page.evaluate(() => {
    const scroller = document.querySelector('.content') ?? document.querySelector('.wizard');
    return document.querySelector('dialog[open]') ? 0 : (scroller?.scrollHeight ?? 0) + (scroller?.getBoundingClientRect().top ?? 0);
  });
  if (height > 0) {
    await page.setViewportSize({ width, height: Math.min(2200, Math.max(600, Math.ceil(height))) });
  }
  await page.screenshot({ path: join(directory, `${name}.png`) });
}
