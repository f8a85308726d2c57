import { expect, test, vi } from 'vitest';
import { eventually, open, pass } from './stage';

test('each stage shows its count and its state', async () => {
  const stage = open('offline', 'status');
  const sent = await stage.see('[data-stage=sent]');
  expect(sent.dataset.state).toBe('blocked');
  expect(sent.querySelector('.stage-count')?.textContent).toBe('11,980');
  expect(stage.text()).toContain('The server has not answered for 35 minutes');
});

test('a synchronisation shows its progress and ends at zero', async () => {
  const stage = open('offline', 'status');
  stage.backend.pace.hold();
  await stage.press('sync-now');
  await stage.see('progress:not([value])');
  for (const sent of [100, 200, 300, 400]) {
    stage.backend.pace.step();
    const bar = await stage.see<HTMLProgressElement>(`progress[value="${sent}"]`);
    expect(bar.getAttribute('max')).toBe('500');
  }
  stage.backend.pace.step();
  await eventually(() => expect(stage.text()).toContain('Done: 500 events delivered'));
  await eventually(() => expect(document.querySelector('#waiting')?.getAttribute('data-count')).toBe('0'));
});

test('a synchronisation can be cancelled', async () => {
  const stage = open('offline', 'status');
  stage.backend.pace.hold();
  await stage.press('sync-now');
  stage.backend.pace.step();
  await stage.see('progress[value="100"]');
  await stage.press('cancel-sync');
  stage.backend.pace.step();
  await eventually(() => expect(stage.text()).toContain('Stopped after 100'));
  expect(stage.called('cancel_sync')).toHaveLength(1);
});

test('a pause is at most as long as the policy allows, and bears its reason', async () => {
  const stage = open('working', 'status');
  await stage.press('pause');
  const choices = [...document.querySelectorAll<HTMLInputElement>('input[name=minutes]')].map((one) => one.value);
  expect(choices).toEqual(['5', '15', '30', '60']);
  await stage.type('#pause-reason', '  a call ');
  await stage.press('pause-now');
  await stage.see('#paused');
  expect(stage.called('pause')).toEqual([{ minutes: 15, reason: 'a call' }]);
  await stage.press('resume');
  await eventually(() => expect(stage.sees('#paused')).toBe(false));
});

test('what the policy does not allow is not offered', async () => {
  const stage = open('attached', 'status');
  await stage.see('#attached');
  expect(stage.sees('button[name=pause]')).toBe(false);
  expect(stage.sees('button[name=take-screenshot]')).toBe(false);
  expect(stage.text()).toContain('process 4127');
  expect(stage.text()).toContain('does not allow pauses');
});

test('without a tray the window says how to come back', async () => {
  const stage = open('attached', 'status');
  expect((await stage.see('#no-tray')).textContent).toContain('application menu');
});

test('an agent that starts or fails is not shown as working', async () => {
  const starting = open('starting', 'status');
  await starting.see('#starting');
  expect(starting.sees('button[name=sync-now]')).toBe(false);
});

test('an agent that does not start says why', async () => {
  const stage = open('failed', 'status');
  expect((await stage.see('[role=alert]')).textContent).toContain('its home belongs to another user');
});

test('the remedy that the app can do is a button', async () => {
  const stage = open('failed', 'status');
  await stage.press('act-diagnose');
  await stage.see('.checks');
  expect(stage.called('diagnose')).toHaveLength(1);
});

test('what went wrong can be asked again', async () => {
  const stage = open('errors', 'status');
  await stage.see('[role=alert]');
  delete stage.backend.scenario.refusals.overview;
  await stage.press('again');
  await stage.see('#pipeline');
});

test('the backlog has a table for those who do not see the curve', async () => {
  const stage = open('offline', 'status');
  await stage.see('#backlog table');
  expect(document.querySelectorAll('#backlog tbody tr')).toHaveLength(60);
});

test('a hidden window asks nothing', async () => {
  const stage = open('working', 'status');
  await stage.see('#pipeline');
  const visibility = vi.spyOn(document, 'visibilityState', 'get').mockReturnValue('hidden');
  document.dispatchEvent(new Event('visibilitychange'));
  const before = stage.called('overview').length;
  await pass(60_000);
  expect(stage.called('overview').length).toBeLessThanOrEqual(before + 1);
  visibility.mockReturnValue('visible');
  document.dispatchEvent(new Event('visibilitychange'));
  await eventually(() => expect(stage.called('overview').length).toBeGreaterThan(before));
});

test('the tray leads to the screen that it asks for', async () => {
  const stage = open('working', 'status');
  await stage.see('#pipeline');
  stage.backend.scenario.overview.wanted_screen = 'outbox';
  await stage.see('[role=tablist]');
});
