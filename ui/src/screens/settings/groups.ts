// Settings by the part before the dot, and those that match a search.

import type { SettingRow } from '../../bindings';

export interface Group {
  name: string;
  rows: SettingRow[];
}

/** In the order in which the rows come; those without a dot first. */
export function groups(rows: SettingRow[], query: string): Group[] {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  const found = new Map<string, SettingRow[]>([['', []]]);
  for (const row of rows) {
    const text = `${row.name} ${row.value} ${row.origin} ${row.variable ?? ''}`.toLowerCase();
    if (words.every((word) => text.includes(word))) {
      const name = row.name.includes('.') ? row.name.slice(0, row.name.indexOf('.')) : '';
      found.set(name, [...(found.get(name) ?? []), row]);
    }
  }
  return [...found].filter(([, members]) => members.length > 0).map(([name, members]) => ({ name, rows: members }));
}

/** JSON text as a person reads it: text without its quotes, the rest as it is. */
export function readable(value: string): string {
  try {
    const parsed: unknown = JSON.parse(value);
    if (typeof parsed === 'string') {
      return parsed === '' ? '""' : parsed;
    }
    if (parsed === null) {
      return '–';
    }
    return typeof parsed === 'object' ? JSON.stringify(parsed, null, 1).replace(/\n\s*/g, ' ') : value;
  } catch {
    return value;
  }
}
