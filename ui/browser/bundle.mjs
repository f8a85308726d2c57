// The faked backend as one classic script.

import { fileURLToPath } from 'node:url';
import { build } from 'vite';

export async function bundleFake() {
  const result = await build({
    configFile: false,
    logLevel: 'error',
    root: fileURLToPath(new URL('..', import.meta.url)),
    build: {
      write: false,
      minify: false,
      target: 'es2022',
      lib: { entry: 'fake/install.ts', formats: ['iife'], name: 'fake', fileName: 'fake' },
    },
  });
  const [{ output }] = [result].flat();
  return output.find((part) => part.type === 'chunk').code;
}
