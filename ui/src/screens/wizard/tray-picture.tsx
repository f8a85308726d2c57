/** A panel with the mark among its icons. */
export function TrayPicture() {
  return (
    <svg class="tray-picture" viewBox="0 0 220 84" width="220" height="84" fill="none" aria-hidden="true">
      <rect x="0.5" y="0.5" width="219" height="83" rx="12" class="tray-desk" />
      <path d="M0.5 12.5a12 12 0 0 1 12-12h195a12 12 0 0 1 12 12V28H0.5z" class="tray-panel" />
      <circle cx="104" cy="14" r="4" class="tray-other" />
      <rect x="120" y="10" width="9" height="8" rx="2" class="tray-other" />
      <g class="tray-mark" transform="translate(139 5) scale(0.75)">
        <path d="M21.6 14.4A10 10 0 1 1 21.6 9.6" stroke-width="2.4" stroke-linecap="round" />
        <path d="M6 12h2.6l2-4.8 3 9.6 2-4.8H23" stroke-width="2.4" stroke-linecap="round" stroke-linejoin="round" />
      </g>
      <rect x="170" y="11" width="36" height="6" rx="3" class="tray-other" />
      <path d="M148 33v16m-6-9 6-7 6 7" class="tray-arrow" stroke-width="2" stroke-linecap="round" stroke-linejoin="round" />
    </svg>
  );
}
