// Drawn on a grid of 20, with strokes of 1.6, in the colour of the text.

const PATHS = {
  alert: 'M10 6.5v4.2M10 13.6v.1M10 2.8 18 16.8H2z',
  arrow: 'M4 10h12M11 5l5 5-5 5',
  activity: 'M10 10.2a3.4 3.4 0 1 0 0-6.8 3.4 3.4 0 0 0 0 6.8zM3.6 17c.6-3 3.2-4.6 6.4-4.6s5.8 1.6 6.4 4.6',
  camera: 'M3 6.5h3l1.4-2h5.2l1.4 2h3v9.7H3zM10 13.6a2.7 2.7 0 1 0 0-5.4 2.7 2.7 0 0 0 0 5.4z',
  check: 'M4 10.5l4 4 8-9',
  chevron: 'M7.5 5l5 5-5 5',
  close: 'M5 5l10 10M15 5L5 15',
  copy: 'M7.5 7.5h8.7v8.7H7.5zM12.5 4.8V3.8H3.8v8.7h1',
  custom: 'M11 2.8L4.5 11.5h5L9 17.2l6.5-8.7h-5z',
  download: 'M10 3v9M6 8.5l4 4 4-4M3.5 16.5h13',
  eye: 'M2 10s3-5.5 8-5.5 8 5.5 8 5.5-3 5.5-8 5.5S2 10 2 10zM10 12.3a2.3 2.3 0 1 0 0-4.6 2.3 2.3 0 0 0 0 4.6z',
  eyeOff: 'M3 3l14 14M8.3 4.7A8 8 0 0 1 10 4.5c5 0 8 5.5 8 5.5a14 14 0 0 1-2.3 2.9M5 6.3A13 13 0 0 0 2 10s3 5.5 8 5.5a8 8 0 0 0 3.7-.9M8.4 8.4a2.3 2.3 0 0 0 3.2 3.2',
  file: 'M5 2.8h6.5L15.5 7v10.2H5zM11.3 3v4.2h4',
  gap: 'M3 6.5h4.5M12.5 6.5H17M3 13.5h14M10 3.5v6',
  heartbeat: 'M2 10.5h3.5l2-5 4 9.5 2.2-4.5H18',
  info: 'M10 17.2a7.2 7.2 0 1 0 0-14.4 7.2 7.2 0 0 0 0 14.4zM10 9.2v4.3M10 6.6v.1',
  lock: 'M4.5 9h11v8h-11zM7 9V6.5a3 3 0 0 1 6 0V9',
  offline: 'M3 3l14 14M6.3 6.5A4.2 4.2 0 0 0 5.8 15h9M8.5 5a4.7 4.7 0 0 1 6 4 3 3 0 0 1 2.6 4.4',
  outbox: 'M3 12.5h3.8l1.2 2h4l1.2-2H17v4H3zM10 10.5V3M6.8 6L10 2.9 13.2 6',
  pause: 'M7 4.5v11M13 4.5v11',
  play: 'M6.5 4l9 6-9 6z',
  power: 'M10 2.8v6.7M6 5a6.3 6.3 0 1 0 8 0',
  search: 'M9 15a6 6 0 1 0 0-12 6 6 0 0 0 0 12zM13.5 13.5L17.5 17.5',
  settings: 'M3 6h7M14 6h3M3 14h3M10 14h7M12 8a2 2 0 1 0 0-4 2 2 0 0 0 0 4zM8 16a2 2 0 1 0 0-4 2 2 0 0 0 0 4z',
  shield: 'M10 2.5l6.5 2.3v4.7c0 4-2.7 6.8-6.5 8-3.8-1.2-6.5-4-6.5-8V4.8z',
  status: 'M2 10.5h3.5l2-5 4 9.5 2.2-4.5H18',
  sync: 'M16.5 9A6.6 6.6 0 0 0 4.6 6.2M3.5 11a6.6 6.6 0 0 0 11.9 2.8M4.3 2.7v3.7H8M15.7 17.3v-3.7H12',
  today: 'M10 17.2a7.2 7.2 0 1 0 0-14.4 7.2 7.2 0 0 0 0 14.4zM10 6v4.2l2.8 1.8',
  window: 'M3 4h14v12H3zM3 7.5h14M5.3 5.8h.1',
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name, size = 20 }: { name: IconName; size?: number }) {
  return (
    <svg
      width={size}
      height={size}
      viewBox="0 0 20 20"
      fill="none"
      stroke="currentColor"
      stroke-width="1.6"
      stroke-linecap="round"
      stroke-linejoin="round"
      aria-hidden="true"
    >
      <path d={PATHS[name]} />
    </svg>
  );
}

/** The mark: a pulse. */
export function Mark({ size = 24 }: { size?: number }) {
  return (
    <svg class="mark" width={size} height={size} viewBox="0 0 24 24" aria-hidden="true">
      <rect class="mark-ground" x="1" y="1" width="22" height="22" rx="5.5" />
      <path
        class="mark-pulse"
        d="M4 13h3.5l2.5-6 4 11 2.5-5H20"
        stroke-width="2.1"
        stroke-linecap="round"
        stroke-linejoin="round"
      />
    </svg>
  );
}
