// Serves what `npm run build` made, under the very policy that the app sets.

import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';

const UI = fileURLToPath(new URL('..', import.meta.url));
const TYPES = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/** Answers the server and its origin. With `fake`, that script is loaded before the window's own. */
export async function serve({ port = 0, fake = null } = {}) {
  const conf = JSON.parse(await readFile(join(UI, '..', 'tauri.conf.json'), 'utf8'));
  const policy = policyOf(conf.app.security.csp);
  const server = createServer(async (request, response) => {
    const path = new URL(request.url, 'http://localhost').pathname;
    const name = path === '/' ? 'index.html' : normalize(path).replace(/^[/\\]+/, '');
    try {
      const body = name === 'fake.js' && fake ? fake : await readFile(join(UI, 'dist', name));
      response.writeHead(200, {
        'content-type': TYPES[extname(name)] ?? 'application/octet-stream',
        'content-security-policy': policy,
      });
      response.end(name === 'index.html' && fake ? withFake(body) : body);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise((resolve) => server.listen(port, '127.0.0.1', resolve));
  return { server, origin: `http://127.0.0.1:${server.address().port}` };
}

const withFake = (page) =>
  page.toString().replace('<script type="module"', '<script src="./fake.js"></script><script type="module"');

const policyOf = (csp) =>
  typeof csp === 'string'
    ? csp
    : Object.entries(csp)
        .map(([name, sources]) => `${name} ${[sources].flat().join(' ')}`)
        .join('; ');
