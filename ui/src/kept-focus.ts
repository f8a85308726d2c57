// What the person pressed may vanish with what it did. The focus then goes to a place nearby
// instead of to the top of the page.

import type { RefObject } from 'preact';
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks';

/** Whenever an element within `place` loses the focus by vanishing, the first that matches gets it. */
export function useKeptFocus(place: RefObject<HTMLElement | null>, selector: string) {
  const wasInside = useRef(false);
  useEffect(() => {
    const note = (event: Event) => {
      wasInside.current = event.type === 'focusin' && Boolean(place.current?.contains(event.target as Node));
    };
    document.addEventListener('focusin', note);
    document.addEventListener('pointerdown', note);
    return () => {
      document.removeEventListener('focusin', note);
      document.removeEventListener('pointerdown', note);
    };
  }, [place]);
  useLayoutEffect(() => {
    if (wasInside.current && document.activeElement === document.body) {
      place.current?.querySelector<HTMLElement>(selector)?.focus();
    }
  });
}
