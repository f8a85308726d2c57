import { expect, test } from 'vitest';
import type { Scenario } from '../fake/scenarios';
import { eventually, open, type Stage } from './stage';

async function toConnect(stage: Stage) {
  await stage.press('continue');
  await stage.type('#enroll-server', 'https://pulse.example.com');
  await stage.type('#enroll-username', 'jane.doe');
  await stage.type('#enroll-secret', ' example-secret\n');
}

async function agree(stage: Stage) {
  const box = await stage.see<HTMLInputElement>('#agree');
  box.click();
  await stage.press('begin');
}

test('nothing is enrolled before the disclosure was shown', async () => {
  const stage = open('fresh', 'wizard');
  await stage.see('button[name=continue]');
  expect(stage.text()).toContain('What DevPulse may record');
  expect(stage.sees('#enroll-server')).toBe(false);
  expect(stage.called('enroll')).toEqual([]);
});

test('a first run ends with consent to the policy that was shown', async () => {
  const stage = open('fresh', 'wizard');
  await toConnect(stage);
  await stage.press('connect');
  await stage.see('#agree');
  expect(stage.called('enroll')).toEqual([
    { form: { server_url: 'https://pulse.example.com', username: 'jane.doe', secret: 'example-secret', former: 'stays' } },
  ]);
  await agree(stage);
  await stage.see('button[name=finish]');
  expect(stage.called('accept_consent')).toEqual([{ policyVersion: 7, digest: '5d41402abc4b2a76' }]);
  expect(stage.called('set_autostart')).toEqual([{ on: true }]);
});

test('without the tick nothing is accepted, and the reason stands beside it', async () => {
  const stage = open('fresh', 'wizard', (scenario) => {
    scenario.wizard = { ...scenario.wizard, is_enrolled: true };
  });
  await stage.press('begin');
  await stage.see('#agree-error');
  expect(stage.called('accept_consent')).toEqual([]);
});

test('start at login is asked, and a no is kept', async () => {
  const stage = open('fresh', 'wizard', (scenario) => {
    scenario.wizard = { ...scenario.wizard, is_enrolled: true };
  });
  const toggle = await stage.see('#start-at-login');
  expect(toggle.getAttribute('aria-checked')).toBe('true');
  toggle.click();
  await agree(stage);
  await stage.see('button[name=finish]');
  expect(stage.called('set_autostart')).toEqual([{ on: false }]);
});

test('a refused field says why, keeps the focus, and nothing typed is lost', async () => {
  const stage = open('refused', 'wizard');
  await toConnect(stage);
  await stage.press('connect');
  const error = await stage.see('#enroll-server-error');
  expect(error.textContent).toContain('No server answers at this address. Check the address');
  await eventually(() => expect(document.activeElement?.id).toBe('enroll-server'));
  expect((await stage.see<HTMLInputElement>('#enroll-secret')).value).toContain('example-secret');
  await stage.press('connect');
  await stage.see('#enroll-secret-error');
  await stage.press('back');
  await stage.press('continue');
  expect((await stage.see<HTMLInputElement>('#enroll-username')).value).toBe('jane.doe');
  await stage.press('connect');
  await stage.see('#agree');
});

test('an empty field is named before the server is asked', async () => {
  const stage = open('fresh', 'wizard');
  await stage.press('continue');
  await stage.press('connect');
  await stage.see('#enroll-server-error');
  expect(stage.called('enroll')).toEqual([]);
});

test('a preset hides its fields, says who set them, and sends no secret', async () => {
  const stage = open('preset', 'wizard');
  await stage.press('continue');
  const preset = await stage.see('#preset');
  expect(preset.textContent).toContain('Set by your administrator');
  expect(preset.textContent).toContain('https://pulse.example.com');
  expect(stage.sees('#enroll-server')).toBe(false);
  expect(stage.sees('#enroll-secret')).toBe(false);
  await stage.press('connect');
  await stage.see('#agree');
  expect(stage.called('enroll')[0]).toMatchObject({ form: { secret: null } });
});

test('a problem with a field that the preset hides is told above the form', async () => {
  const stage = open('preset', 'wizard', (scenario) => {
    scenario.enrollProblems = [{ field: 'secret', message: 'the secret was used already', hint: null }];
  });
  await stage.press('continue');
  await stage.press('connect');
  expect((await stage.see('[role=alert]')).textContent).toContain('The secret was used already');
});

test('a secret read from a file is masked, and its file is named', async () => {
  const stage = open('fresh', 'wizard');
  await stage.press('continue');
  const picker = await stage.see<HTMLInputElement>('#enroll-secret-file');
  Object.defineProperty(picker, 'files', { value: [new File(['example-secret\n'], 'enrollment.txt')] });
  picker.dispatchEvent(new Event('change', { bubbles: true }));
  await eventually(() => expect(stage.text()).toContain('Read from enrollment.txt'));
  const secret = await stage.see<HTMLInputElement>('#enroll-secret');
  expect([secret.type, secret.value]).toEqual(['password', 'example-secret']);
  await stage.press('reveal');
  await eventually(() => expect(secret.type).toBe('text'));
});

test('an enrolled device goes straight to the policy', async () => {
  const stage = open('fresh', 'wizard', (scenario) => {
    scenario.wizard = { ...scenario.wizard, is_enrolled: true };
  });
  await stage.see('#agree');
  expect(stage.sees('button[name=continue]')).toBe(false);
});

test('a start at login that fails is told, and consent stays given', async () => {
  const stage = open('fresh', 'wizard', (scenario) => {
    scenario.wizard = { ...scenario.wizard, is_enrolled: true };
    scenario.refusals.set_autostart = { message: 'the folder cannot be written', hint: null };
  });
  await agree(stage);
  await stage.see('button[name=finish]');
  expect(stage.text()).toContain('The folder cannot be written');
});

test('what a wider policy asks is shown old beside new, and later changes nothing', async () => {
  const stage = open('widened', 'wizard');
  await stage.see('#changes-title');
  expect(stage.text()).toContain('about every 10 minutes');
  expect(stage.text()).toContain('about every 2 minutes');
  await stage.press('later');
  await stage.see('#pipeline');
  expect(stage.called('accept_consent')).toEqual([]);
});

test('agreeing to a wider policy names its version', async () => {
  const stage = open('widened', 'wizard');
  await stage.press('accept');
  await stage.see('#pipeline');
  expect(stage.called('accept_consent')).toEqual([{ policyVersion: 9, digest: '7d793037a0760186' }]);
});

test('a policy that changed while it was read can be read again before agreeing', async () => {
  const stage = open('fresh', 'wizard', (scenario) => {
    scenario.wizard = { ...scenario.wizard, is_enrolled: true };
    scenario.refusals.accept_consent = { message: 'what is asked for has changed since it was shown', hint: null };
  });
  await agree(stage);
  await stage.see('button[name=again]');
  delete stage.backend.scenario.refusals.accept_consent;
  stage.backend.scenario.consent = { ...stage.backend.scenario.consent, policy_version: 8, digest: 'another' };
  await stage.press('again');
  await eventually(() => expect(stage.text()).toContain('Version 8'));
  expect((await stage.see<HTMLInputElement>('#agree')).checked).toBe(false);
  await agree(stage);
  await stage.see('button[name=finish]');
  expect(stage.called('accept_consent').at(-1)).toEqual({ policyVersion: 8, digest: 'another' });
});

/** A revoked device, as far as the form. */
async function replace(change: (scenario: Scenario) => void = () => {}): Promise<Stage> {
  const stage = open('revoked', 'status', change);
  await stage.press('act-enroll');
  await toConnect(stage);
  return stage;
}

test('what waits is kept where the person and the server stay, and nothing is asked about it', async () => {
  const stage = await replace();
  const note = await stage.see('#former');
  expect(note.textContent).toContain('38 events and 1 image wait here. What waits is kept');
  expect(stage.sees('input[name=former-fate]')).toBe(false);
  await stage.press('connect');
  await stage.see('button[name=finish]');
  expect(stage.called('enroll')[0]).toMatchObject({ form: { former: 'sent_first' } });
  expect(stage.called('accept_consent')).toEqual([]);
});

test('at another server the person chooses what becomes of what waits, and is asked for consent anew', async () => {
  const stage = await replace((scenario) => {
    scenario.consent = { ...scenario.consent, accepted_at: null };
  });
  await stage.type('#enroll-server', 'https://elsewhere.example.com');
  const choices = await stage.see('#enroll-former');
  expect(choices.querySelector<HTMLInputElement>('input:checked')?.value).toBe('sent_first');
  expect(stage.text()).toContain('never goes to another one');
  (await stage.see<HTMLInputElement>('input[value=discarded]')).click();
  await eventually(() => expect(stage.text()).toContain('It is wiped from this computer'));
  await stage.press('connect');
  await stage.see('#agree');
  expect(stage.called('enroll')[0]).toMatchObject({ form: { former: 'discarded' } });
});

test('another spelling of the same server is no other server, and another person is', async () => {
  const stage = await replace();
  await stage.type('#enroll-server', 'https://PULSE.example.com:443/ ');
  await eventually(() => expect(stage.sees('#enroll-former')).toBe(false));
  await stage.type('#enroll-username', 'john.doe');
  await stage.see('#enroll-former');
});

test('what cannot be sent first is asked about, with the reason', async () => {
  const stage = await replace((scenario) => {
    scenario.enrollProblems = [
      { field: 'former', message: '38 events wait that belong to jane.doe: the device was revoked', hint: 'choose to discard them' },
    ];
  });
  await stage.type('#enroll-server', 'https://elsewhere.example.com');
  await stage.press('connect');
  expect((await stage.see('#enroll-former-error')).textContent).toContain('the device was revoked. Choose to discard them');
  await eventually(() => expect((document.activeElement as HTMLInputElement).value).toBe('sent_first'));
});

test('a revoked device is set up from the beginning, or not now', async () => {
  const stage = open('revoked', 'status');
  await stage.press('act-enroll');
  await stage.see('button[name=continue]');
  await stage.press('leave');
  await stage.see('#pipeline');
});
