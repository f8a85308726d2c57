import type { Icon } from '../../bindings';
import type { Tone } from '../../parts/basics';

export const TONES: Record<Icon, Tone> = {
  working: 'good',
  syncing: 'accent',
  offline: 'calm',
  paused: 'warn',
  action_needed: 'bad',
};

const GLYPHS: Record<Icon, string> = {
  working: 'M10 16.5l4.3 4.3 8-9',
  syncing: 'M16 22V10.5M11.2 15 16 10.2 20.8 15',
  offline: 'M11 16h10',
  paused: 'M13 11.5v9M19 11.5v9',
  action_needed: 'M16 10v7.5M16 21.8v.1',
};

/** The ring of the mark, with what is the case inside it: told by shape, not by colour alone. */
export function StandingIcon({ icon, size = 56 }: { icon: Icon; size?: number }) {
  return (
    <svg
      class={`standing-icon tone-${TONES[icon]} is-${icon}`}
      width={size}
      height={size}
      viewBox="0 0 32 32"
      fill="none"
      stroke="currentColor"
      stroke-linecap="round"
      stroke-linejoin="round"
      aria-hidden="true"
    >
      <circle cx="16" cy="16" r="14.5" class="standing-wash" stroke="none" />
      <circle
        cx="16"
        cy="16"
        r="14.2"
        stroke-width="1.8"
        class="standing-ring"
        stroke-dasharray={icon === 'offline' ? '3.2 4.240' : icon === 'syncing' ? '62 27.2' : undefined}
      />
      <path d={GLYPHS[icon]} stroke-width="2.4" />
    </svg>
  );
}
