const USUAL = [5, 15, 30, 60, 120, 240, 480, 1440];
const DEFAULT = 15;

/** The usual lengths up to the policy's longest, and that one itself. */
export function pauseChoices(maxMinutes: number): number[] {
  const choices = USUAL.filter((minutes) => minutes < maxMinutes).slice(-5);
  return [...choices, maxMinutes];
}

export function defaultPause(choices: number[]): number {
  return choices.includes(DEFAULT) ? DEFAULT : (choices[0] ?? DEFAULT);
}
