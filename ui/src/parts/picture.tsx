// An image of this computer, asked for when it comes into view.

import { useEffect, useRef, useState } from 'preact/hooks';
import { api } from '../api';
import { Icon } from './icon';
import { s } from '../strings';

type Source = { kind: 'waiting' } | { kind: 'here'; url: string } | { kind: 'gone' };

export function Picture({ sha256, alt }: { sha256: string; alt: string }) {
  const place = useRef<HTMLSpanElement>(null);
  const [source, setSource] = useState<Source>({ kind: 'waiting' });
  useEffect(() => {
    let isHere = true;
    const ask = () =>
      api.image(sha256).then(
        (url) => isHere && setSource({ kind: 'here', url }),
        () => isHere && setSource({ kind: 'gone' }),
      );
    const watcher = new IntersectionObserver((entries) => {
      if (entries.some((entry) => entry.isIntersecting)) {
        watcher.disconnect();
        void ask();
      }
    });
    if (place.current) {
      watcher.observe(place.current);
    }
    return () => {
      isHere = false;
      watcher.disconnect();
    };
  }, [sha256]);
  return (
    <span class="picture" ref={place}>
      {source.kind === 'here' && <img src={source.url} alt={alt} />}
      {source.kind === 'gone' && (
        <span class="picture-gone small soft">
          <Icon name="camera" />
          {s.today.imageGone}
        </span>
      )}
      {source.kind === 'waiting' && <span class="skeleton picture-waits" />}
    </span>
  );
}
