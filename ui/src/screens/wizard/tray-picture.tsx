/** A panel with the mark among its icons. */
export function TrayPicture() {
  return (
    <svg class="tray-picture" viewBox="0 0 220 84" width="220" height="84" fill="none" aria-hidden="true">
      <rect x="0.5" y="0.5" width="219" height="83" rx="12" class="tray-desk" />
      <path d="M0.5 12.5a12 12 0 0 1 12-12h195a12 12 0 0 1 12 12V28H0.5z" class="tray-panel" />
      <circle cx="104" cy="14" r="4" class="tray-other" />
      <rect x="120" y="10" width="9" height="8" rx="2" class="tray-other" />
      <g transform="translate(138 4) scale(0.85)">
        <rect class="tray-mark" x="1" y="1" width="22" height="22" rx="6" />
        <path class="tray-pulse" d="M4 13h3.5l2.5-6 4 11 2.5-5H20" stroke-width="2.2" stroke-linecap="round" stroke-linejoin="round" />
      </g>
      <rect x="170" y="11" width="36" height="6" rx="3" class="tray-other" />
      <path d="M148 33v16m-6-9 6-7 6 7" class="tray-arrow" stroke-width="2" stroke-linecap="round" stroke-linejoin="round" />
    </svg>
  );
}
