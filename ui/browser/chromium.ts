import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'chrome'];

/** The first Chromium on the path; `null` where there is none and none is required. */
export function chromium(): string | null {
  for (const directory of (process.env.PATH ?? '').split(delimiter)) {
    for (const name of NAMES) {
      const path = join(directory, name);
      try {
        accessSync(path, constants.X_OK);
        return path;
      } catch {
        // Not in this directory.
      }
    }
  }
  if (process.env.DEVPULSE_REQUIRE_DESKTOP === '1') {
    throw new Error('no Chromium on the path; hint: apt-get install chromium');
  }
  return null;
}
