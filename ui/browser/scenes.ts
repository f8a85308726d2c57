// What a person can come to see: a scenario, a screen, and what was done there.

import type { Page } from 'playwright-core';
import type { ScenarioName } from '../fake/scenarios';
import type { Screen } from '../src/bindings';
import { hold, step } from './stage';

export interface Scene {
  name: string;
  scenario: ScenarioName;
  screen: Screen;
  act?: (page: Page) => Promise<void>;
  isLoading?: boolean;
  /** The scene that stands for its screen. */
  isMain?: boolean;
}

const press = (name: string) => (page: Page) => page.locator(`button[name="${name}"]`).first().click();

const connect = async (page: Page) => {
  await press('continue')(page);
  await page.locator('#enroll-server').waitFor();
};

const fill = async (page: Page) => {
  await connect(page);
  await page.locator('#enroll-server').fill('https://pulse.example.com');
  await page.locator('#enroll-username').fill('jane.doe');
  await page.locator('#enroll-secret').fill('example-secret');
};

const refused = async (page: Page) => {
  await fill(page);
  await press('connect')(page);
  await page.locator('#enroll-server-error').waitFor();
};

const replace = async (page: Page) => {
  await press('act-enroll')(page);
  await connect(page);
  await page.locator('#enroll-server').fill('https://elsewhere.example.com');
  await page.locator('input[value=discarded]').check();
};

const agree = async (page: Page) => {
  await fill(page);
  await press('connect')(page);
  await page.locator('#agree').waitFor();
};

const syncing = async (page: Page) => {
  await hold(page);
  await press('sync-now')(page);
  await step(page);
  await page.locator('progress[value]').waitFor();
};

const scrub = async (page: Page) => {
  await page.locator('[role=slider]').focus();
  await page.keyboard.press('PageDown');
};

const yesterday = async (page: Page) => {
  await page.locator('input[name=day][value="1"]').check();
  await page.locator('.timeline').waitFor();
};

const openImage = async (page: Page) => {
  await page.locator('.thumb').nth(1).click();
  await page.locator('dialog img').waitFor();
};

const tab = async (page: Page, name: string) => {
  await page.locator(`[role=tab][name=${name}]`).click();
  await page.locator('.event').first().waitFor();
};

const openEvent = async (page: Page, type: string) => {
  await page.locator(`[data-type=${type}] .event-head`).first().click();
  await page.locator(type === 'screenshot' ? '.event-image img' : '.json').waitFor();
};

const dead = async (page: Page) => {
  await tab(page, 'dead');
  await page.locator('.event-head').first().click();
};

const diagnose = async (page: Page) => {
  await press('diagnose')(page);
  await page.locator('.checks').waitFor();
};

const exportList = async (page: Page) => {
  await press('export')(page);
  await page.locator('#export-dialog[open]').waitFor();
};

const exported = async (page: Page) => {
  await exportList(page);
  await press('write-export')(page);
  await page.locator('#exported').waitFor();
};

const search = async (page: Page) => {
  await page.locator('#settings-search').fill('screenshot');
};

const disclosure = async (page: Page) => {
  await press('disclosure')(page);
  await page.locator('dialog').waitFor();
};

export const SCENES: Scene[] = [
  { name: 'wizard-1-disclosure', isMain: true, scenario: 'fresh', screen: 'wizard' },
  { name: 'wizard-2-connect', scenario: 'fresh', screen: 'wizard', act: fill },
  { name: 'wizard-2-refused', isMain: true, scenario: 'refused', screen: 'wizard', act: refused },
  { name: 'wizard-2-preset', scenario: 'preset', screen: 'wizard', act: async (page) => { await press('continue')(page); await page.locator('#preset').waitFor(); } },
  { name: 'wizard-2-replaced', scenario: 'revoked', screen: 'status', act: replace },
  { name: 'wizard-3-policy', isMain: true, scenario: 'fresh', screen: 'wizard', act: agree },
  { name: 'wizard-4-done', isMain: true, scenario: 'fresh', screen: 'wizard', act: async (page) => { await agree(page); await page.locator('#agree').check(); await press('begin')(page); await page.locator('.outcome .standing-icon').waitFor(); } },
  { name: 'consent-widened', isMain: true, scenario: 'widened', screen: 'wizard', act: async (page) => { await page.locator('#changes-title').waitFor(); } },
  { name: 'status-working', scenario: 'working', screen: 'status' },
  { name: 'status-syncing', scenario: 'syncing', screen: 'status', act: syncing },
  { name: 'status-offline', isMain: true, scenario: 'offline', screen: 'status' },
  { name: 'status-paused', scenario: 'paused', screen: 'status' },
  { name: 'status-pausing', scenario: 'working', screen: 'status', act: async (page) => { await press('pause')(page); await page.locator('dialog[open]').waitFor(); } },
  { name: 'status-revoked', scenario: 'revoked', screen: 'status' },
  { name: 'status-dead', scenario: 'dead', screen: 'status' },
  { name: 'status-widened', scenario: 'widened', screen: 'status' },
  { name: 'status-attached', scenario: 'attached', screen: 'status' },
  { name: 'status-starting', scenario: 'starting', screen: 'status' },
  { name: 'status-failed', scenario: 'failed', screen: 'status' },
  { name: 'status-error', scenario: 'errors', screen: 'status' },
  { name: 'status-loading', scenario: 'loading', screen: 'status', isLoading: true },
  { name: 'today-working', isMain: true, scenario: 'working', screen: 'today', act: scrub },
  { name: 'today-yesterday', scenario: 'working', screen: 'today', act: yesterday },
  { name: 'today-long', scenario: 'long', screen: 'today' },
  { name: 'today-empty', scenario: 'starting', screen: 'today' },
  { name: 'today-image', scenario: 'working', screen: 'today', act: openImage },
  { name: 'today-error', scenario: 'errors', screen: 'today' },
  { name: 'today-loading', scenario: 'loading', screen: 'today', isLoading: true },
  { name: 'outbox-long', scenario: 'long', screen: 'outbox' },
  { name: 'outbox-open', isMain: true, scenario: 'offline', screen: 'outbox', act: (page) => openEvent(page, 'window') },
  { name: 'outbox-image', scenario: 'offline', screen: 'outbox', act: (page) => openEvent(page, 'screenshot') },
  { name: 'outbox-sent', scenario: 'working', screen: 'outbox', act: (page) => tab(page, 'sent') },
  { name: 'outbox-dead', scenario: 'dead', screen: 'outbox', act: dead },
  { name: 'outbox-empty', scenario: 'working', screen: 'outbox' },
  { name: 'outbox-error', scenario: 'errors', screen: 'outbox' },
  { name: 'outbox-loading', scenario: 'loading', screen: 'outbox', isLoading: true },
  { name: 'settings-working', scenario: 'working', screen: 'settings' },
  { name: 'settings-diagnosed', isMain: true, scenario: 'dead', screen: 'settings', act: diagnose },
  { name: 'settings-export', isMain: true, scenario: 'working', screen: 'settings', act: exportList },
  { name: 'settings-exported', scenario: 'working', screen: 'settings', act: exported },
  { name: 'settings-search', scenario: 'attached', screen: 'settings', act: search },
  { name: 'settings-disclosure', scenario: 'working', screen: 'settings', act: disclosure },
  { name: 'settings-quit', scenario: 'working', screen: 'settings', act: press('quit') },
  { name: 'settings-error', scenario: 'errors', screen: 'settings' },
  { name: 'settings-loading', scenario: 'loading', screen: 'settings', isLoading: true },
];

