// Light, dark, or what the system says.

export type Appearance = 'system' | 'light' | 'dark';

const KEY = 'devpulse.appearance';

export function readAppearance(): Appearance {
  try {
    const kept = localStorage.getItem(KEY);
    return kept === 'light' || kept === 'dark' ? kept : 'system';
  } catch {
    return 'system';
  }
}

export function applyAppearance(appearance: Appearance): void {
  if (appearance === 'system') {
    delete document.documentElement.dataset.theme;
  } else {
    document.documentElement.dataset.theme = appearance;
  }
}

export function keepAppearance(appearance: Appearance): void {
  applyAppearance(appearance);
  try {
    localStorage.setItem(KEY, appearance);
  } catch {
    // A web view without storage forgets the choice when the window closes.
  }
}
