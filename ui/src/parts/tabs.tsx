// Tabs: one stop of the Tab key, the arrow keys move between them.

import type { ComponentChildren } from 'preact';
import { useRef } from 'preact/hooks';

interface Tab<T extends string> {
  id: T;
  label: ComponentChildren;
}

export function Tabs<T extends string>(props: {
  id: string;
  label: string;
  tabs: Tab<T>[];
  current: T;
  onChange: (id: T) => void;
  children: ComponentChildren;
}) {
  const { id, tabs, current, onChange } = props;
  const list = useRef<HTMLDivElement>(null);
  const go = (event: KeyboardEvent) => {
    const to = neighbour(event.key, tabs.findIndex((tab) => tab.id === current), tabs.length);
    const tab = to === undefined ? undefined : tabs[to];
    if (tab) {
      event.preventDefault();
      onChange(tab.id);
      list.current?.querySelector<HTMLElement>(`#${id}-tab-${tab.id}`)?.focus();
    }
  };
  return (
    <div class="tabs">
      <div class="tab-list" role="tablist" aria-label={props.label} ref={list} onKeyDown={go}>
        {tabs.map((tab) => (
          <button
            key={tab.id}
            type="button"
            role="tab"
            id={`${id}-tab-${tab.id}`}
            name={tab.id}
            class="tab"
            aria-selected={tab.id === current}
            aria-controls={`${id}-panel`}
            tabIndex={tab.id === current ? 0 : -1}
            onClick={() => onChange(tab.id)}
          >
            {tab.label}
          </button>
        ))}
      </div>
      <div role="tabpanel" id={`${id}-panel`} aria-labelledby={`${id}-tab-${current}`} class="tab-panel">
        {props.children}
      </div>
    </div>
  );
}

/** The tab that a key leads to; round the ends. */
export function neighbour(key: string, at: number, count: number): number | undefined {
  switch (key) {
    case 'ArrowRight':
      return (at + 1) % count;
    case 'ArrowLeft':
      return (at - 1 + count) % count;
    case 'Home':
      return 0;
    case 'End':
      return count - 1;
    default:
      return undefined;
  }
}
