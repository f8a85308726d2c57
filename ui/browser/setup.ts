// Builds the window and the faked backend once, and serves them to every test.

import { fileURLToPath } from 'node:url';
import { build } from 'vite';
import type { TestProject } from 'vitest/node';
import { bundleFake } from './bundle.mjs';
import { chromium } from './chromium';
import { serve } from './server.mjs';

declare module 'vitest' {
  export interface ProvidedContext {
    chromium: string | null;
    fake: string;
    origin: string;
  }
}

export default async function setup(project: TestProject) {
  process.env.NODE_ENV = 'production';
  await build({ root: fileURLToPath(new URL('..', import.meta.url)), logLevel: 'error' });
  const { server, origin } = await serve();
  project.provide('chromium', chromium());
  project.provide('fake', await bundleFake());
  project.provide('origin', origin);
  return () => server.close();
}
