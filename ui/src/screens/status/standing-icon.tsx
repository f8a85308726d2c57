import type { Icon } from '../../bindings';
import type { Tone } from '../../parts/basics';

export const TONES: Record<Icon, Tone> = {
  working: 'good',
  syncing: 'sync',
  offline: 'calm',
  paused: 'pause',
  action_needed: 'bad',
};

interface Glyph {
  path: string;
  stroke: number;
}

const GLYPHS: Record<Icon, Glyph> = {
  working: { path: 'M4 13h3.5l2.5-6 4 11 2.5-5H20', stroke: 2.2 },
  syncing: { path: 'M12 18.5v-12M6.5 11.5 12 6l5.5 5.5', stroke: 2.6 },
  offline: { path: 'M4.5 12H9M15 12h4.5M9.5 17.5l5-11', stroke: 2.4 },
  paused: { path: 'M9 7v10M15 7v10', stroke: 3.2 },
  action_needed: { path: 'M12 9v5M12 18.3v.1', stroke: 2.8 },
};

/** The tray's icon for the same state: each has a shape of its own, so that colour is not needed. */
export function StandingIcon({ icon, size = 52 }: { icon: Icon; size?: number }) {
  const { path, stroke } = GLYPHS[icon];
  return (
    <svg class={`standing-icon is-${icon}`} width={size} height={size} viewBox="0 0 24 24" aria-hidden="true">
      {icon === 'action_needed' ? (
        <path class="standing-ground" d="M12 3.2 21.6 20.4H2.4Z" stroke-width="3" stroke-linejoin="round" />
      ) : (
        <rect class="standing-ground" x="1" y="1" width="22" height="22" rx="6" />
      )}
      <path class="standing-glyph" d={path} stroke-width={stroke} stroke-linecap="round" stroke-linejoin="round" />
    </svg>
  );
}
