import { expect, test } from 'vitest';
import { eventually, open } from './stage';

test('start at login shows what the system says after it was changed', async () => {
  const stage = open('working', 'settings');
  const toggle = await stage.see('#autostart');
  expect(toggle.getAttribute('aria-checked')).toBe('true');
  toggle.click();
  await eventually(() => expect(toggle.getAttribute('aria-checked')).toBe('false'));
  expect(stage.called('set_autostart')).toEqual([{ on: false }]);
});

test('a start at login that does not take says why', async () => {
  const stage = open('dead', 'settings');
  await eventually(() => expect(stage.text()).toContain('Your desktop does not start programs at login'));
});

test('a setting names what overrides it', async () => {
  const stage = open('working', 'settings');
  expect((await stage.see('[data-setting="log"]')).textContent).toContain('Set by DEVPULSE_LOG');
  expect((await stage.see('[data-setting="batch.max_events"]')).textContent).toContain('Set by config.toml');
  expect((await stage.see('[data-setting="screenshot.enabled"]')).textContent).toContain('Set by administrator');
});

test('a search that finds nothing says so, and Escape ends it', async () => {
  const stage = open('working', 'settings');
  await stage.see('.setting');
  await stage.type('#settings-search', 'zebra');
  await eventually(() => expect(stage.text()).toContain('No setting matches'));
  const search = await stage.see<HTMLInputElement>('#settings-search');
  search.dispatchEvent(new KeyboardEvent('keydown', { key: 'Escape', bubbles: true }));
  await eventually(() => expect(stage.sees('.setting')).toBe(true));
});

test('the diagnostics show the worst first, each with its remedy', async () => {
  const stage = open('working', 'settings');
  await stage.press('diagnose');
  await stage.see('.checks');
  const states = [...document.querySelectorAll<HTMLElement>('[data-check]')].map((check) => check.dataset.state);
  expect(states).toEqual(['failed', 'warning', 'warning', 'unknown', 'ok', 'ok']);
  expect(stage.text()).toContain('Allow DevPulse to share the screen');
  expect(document.querySelector('[data-check="focus"]')?.textContent).toContain('devpulse-client doctor --install-gnome-extension');
});

test('an export lists what it would hold before anything is written', async () => {
  const stage = open('working', 'settings');
  await stage.press('export');
  const dialog = await stage.see('#export-dialog');
  expect([...dialog.querySelectorAll('li code')].map((name) => name.textContent)).toContain('settings.json');
  expect(dialog.textContent).toContain('Every setting with its origin');
  expect(stage.called('write_diagnostics')).toEqual([]);
  await stage.press('write-export');
  expect((await stage.see('#exported')).textContent).toContain('/home/jane/Downloads/devpulse-diagnostics-20261120143200.tar.gz');
  expect(stage.called('write_diagnostics')).toHaveLength(1);
  expect(stage.sees('#export-dialog')).toBe(false);
});

test('an export that the person thinks better of writes nothing', async () => {
  const stage = open('working', 'settings');
  await stage.press('export');
  await stage.see('#export-dialog');
  await stage.press('cancel');
  await eventually(() => expect(stage.sees('#export-dialog')).toBe(false));
  expect(stage.sees('#exported')).toBe(false);
  expect(stage.called('write_diagnostics')).toEqual([]);
});

test('the choice of dark outlives the window', async () => {
  const stage = open('working', 'settings');
  (await stage.see<HTMLInputElement>('input[name=appearance][value=dark]')).click();
  await eventually(() => expect(document.documentElement.dataset.theme).toBe('dark'));
  expect(localStorage.getItem('devpulse.appearance')).toBe('dark');
});

test('quitting is asked about, and only offered where it is allowed', async () => {
  const stage = open('working', 'settings');
  await stage.press('quit');
  expect(stage.called('quit')).toEqual([]);
  await stage.press('quit-now');
  await eventually(() => expect(stage.called('quit')).toHaveLength(1));
});

test('where quitting is not allowed there is no button for it', async () => {
  const stage = open('attached', 'settings');
  await stage.see('#version');
  expect(stage.sees('button[name=quit]')).toBe(false);
});
