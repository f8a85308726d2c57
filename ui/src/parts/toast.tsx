// One line of news at the lower edge, read aloud, gone after a while.

import { useCallback, useEffect, useState } from 'preact/hooks';
import { Icon } from './icon';

const SHOWN_MS = 5000;

export type Tell = (text: string) => void;

interface News {
  text: string;
  turn: number;
}

export function useToast(): { news: News | null; tell: Tell } {
  const [news, setNews] = useState<News | null>(null);
  const tell = useCallback<Tell>((text) => setNews((before) => ({ text, turn: (before?.turn ?? 0) + 1 })), []);
  useEffect(() => {
    if (!news) {
      return;
    }
    const timer = setTimeout(() => setNews(null), SHOWN_MS);
    return () => clearTimeout(timer);
  }, [news]);
  return { news, tell };
}

export function Toast({ news }: { news: News | null }) {
  return (
    <div class="toast-place" role="status">
      {news && (
        <div class="toast" key={news.turn}>
          <Icon name="info" size={18} />
          {news.text}
        </div>
      )}
    </div>
  );
}
