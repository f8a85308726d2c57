import { expect, test } from 'vitest';
import { eventually, open, pass } from './stage';

test('the day names each window, its time and its length', async () => {
  const stage = open('working', 'today');
  const slider = await stage.see('[role=slider]');
  slider.dispatchEvent(new FocusEvent('focus'));
  const { spans } = stage.backend.scenario.today;
  await eventually(() => expect(slider.getAttribute('aria-valuetext')).toContain(spans.at(-1)!.app));
  slider.dispatchEvent(new KeyboardEvent('keydown', { key: 'Home', bubbles: true }));
  await eventually(() => expect(slider.getAttribute('aria-valuetext')).toContain(spans[0]!.app));
});

test('yesterday is asked for as one day ago', async () => {
  const stage = open('working', 'today');
  (await stage.see<HTMLInputElement>('input[name=day][value="1"]')).click();
  await eventually(() => expect(stage.called('today').at(-1)).toEqual({ daysAgo: 1 }));
  await eventually(() => expect(document.querySelector('h1')?.textContent).toBe('Yesterday'));
});

test('a day without windows says so', async () => {
  const stage = open('starting', 'today');
  await eventually(() => expect(stage.text()).toContain('Nothing was captured yet'));
});

test('a title that the policy strips is said to be missing', async () => {
  const stage = open('working', 'today', (scenario) => {
    scenario.today.spans = scenario.today.spans.map((span) => ({ ...span, title: null }));
  });
  await stage.see('.span-title');
  expect(document.querySelector('.span-title')?.textContent).toBe('title not reported');
});

test('an event opens to exactly the JSON that is sent', async () => {
  const stage = open('offline', 'outbox');
  (await stage.see('.event-head')).click();
  const shown = await stage.see('.json code');
  expect(shown.textContent).toBe(stage.backend.scenario.outbox.pending[0]!.json);
});

test('a list of a thousand is asked for in pages, and no further', async () => {
  const stage = open('long', 'outbox');
  for (let shown = 100; shown < 1000; shown += 100) {
    await eventually(() => expect(document.querySelectorAll('.event')).toHaveLength(shown));
    await stage.press('more-events');
  }
  await eventually(() => expect(document.querySelectorAll('.event')).toHaveLength(1000));
  await eventually(() => expect(stage.sees('button[name=more-events]')).toBe(false));
  expect(stage.text()).toContain('The list ends here');
  expect(stage.called('outbox').at(-1)).toEqual({ request: { which: 'pending', limit: 1000 } });
});

test('a dead letter says why, and one or all can be tried again', async () => {
  const stage = open('dead', 'outbox');
  (await stage.see('[role=tab][name=dead]')).click();
  (await stage.see('.event-head')).click();
  expect((await stage.see('.event-body')).textContent).toContain('invalid_event: the server does not know the field');
  const id = stage.backend.scenario.outbox.dead[0]!.event_id;
  await stage.press('replay');
  await eventually(() => expect(document.querySelectorAll('.event')).toHaveLength(3));
  await stage.press('replay-all');
  await eventually(() => expect(stage.text()).toContain('Nothing is stuck'));
  expect(stage.called('replay')).toEqual([{ eventId: id }, { eventId: null }]);
});

test('the arrow keys go from tab to tab', async () => {
  const stage = open('dead', 'outbox');
  const first = await stage.see('[role=tab][name=pending]');
  first.dispatchEvent(new KeyboardEvent('keydown', { key: 'ArrowLeft', bubbles: true }));
  await eventually(() =>
    expect(document.querySelector('[role=tab][aria-selected=true]')?.getAttribute('name')).toBe('dead'),
  );
});

test('the tab, the bar and the list tell of the same moment', async () => {
  const stage = open('offline', 'outbox');
  const badges = () => [...document.querySelectorAll('[role=tab][name=pending] .figures, button[name=outbox] .figures .badge')];
  await eventually(() => expect(stage.text()).toContain('100 of 500'));
  const { scenario } = stage.backend;
  scenario.outbox.pending = scenario.outbox.pending.slice(0, 40);
  scenario.overview.figures.pending = 40;
  for (let look = 0; look < 400; look += 1) {
    const rows = document.querySelectorAll('.event').length;
    const expected = rows === 40 ? '40' : '500';
    expect(badges().map((badge) => badge.textContent)).toEqual([expected, expected]);
    await pass(10);
  }
  expect(document.querySelectorAll('.event')).toHaveLength(40);
});
