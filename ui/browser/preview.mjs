// The built window in an ordinary browser, on a faked backend:
// http://127.0.0.1:4173/?scenario=offline&screen=status

import { bundleFake } from './bundle.mjs';
import { serve } from './server.mjs';

const { origin } = await serve({ port: 4173, fake: await bundleFake() });
console.log(`${origin}/?scenario=working&screen=status`);
