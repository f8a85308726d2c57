import { useState } from 'preact/hooks';
import { api } from '../../api';
import { useAnswer } from '../../asking';
import type { SettingRow } from '../../bindings';
import { Badge, Card, Empty, ProblemNote, Skeleton, type Tone } from '../../parts/basics';
import { Icon } from '../../parts/icon';
import { s } from '../../strings';
import { groups, readable } from './groups';

/** Where the person, or the computer, overrides what the server says. */
const OVERRIDES = ['flag', 'environment', '.env', 'config.toml'];

const toneOf = (origin: string): Tone =>
  origin === 'managed' ? 'accent' : OVERRIDES.includes(origin) ? 'warn' : 'calm';

/** Every value in force and where it comes from. */
export function Effective() {
  const { answer, value: rows, again } = useAnswer(api.settings);
  const [query, setQuery] = useState('');
  const found = rows ? groups(rows, query) : [];
  const count = found.reduce((sum, group) => sum + group.rows.length, 0);
  return (
    <Card id="effective" title={s.settings.effective} aside={rows ? s.settings.found(count) : undefined}>
      <p class="soft">{s.settings.effectiveHelp}</p>
      <div class="search" role="search">
        <Icon name="search" size={16} />
        <input
          class="input"
          type="search"
          id="settings-search"
          aria-label={s.settings.search}
          placeholder={s.settings.search}
          value={query}
          onInput={(event) => setQuery(event.currentTarget.value)}
          onKeyDown={(event) => {
            if (event.key === 'Escape' && query !== '') {
              event.preventDefault();
              setQuery('');
            }
          }}
        />
      </div>
      {!rows && answer.kind === 'waiting' && <Skeleton lines={8} height={22} />}
      {!rows && answer.kind === 'failed' && <ProblemNote problem={answer.problem} again={again} />}
      {rows && count === 0 && (
        <Empty icon="search" title={s.settings.nothing}>
          <p>{s.settings.nothingText(query)}</p>
        </Empty>
      )}
      {found.map((group) => (
        <div key={group.name} class="setting-group">
          <h3>{s.settings.groups[group.name] ?? group.name}</h3>
          <ul>
            {group.rows.map((row) => (
              <Row key={row.name} row={row} />
            ))}
          </ul>
        </div>
      ))}
      <span class="hidden-visually" role="status">
        {query === '' ? '' : s.settings.found(count)}
      </span>
    </Card>
  );
}

function Row({ row }: { row: SettingRow }) {
  const isUsual = row.origin === 'default';
  return (
    <li class="setting" data-setting={row.name} data-origin={row.origin}>
      <span class="setting-name breakable">
        <code>{row.name}</code>
      </span>
      <code class="setting-value breakable">{readable(row.value)}</code>
      <span class="setting-origin">
        {isUsual ? (
          <span class="small soft">{s.settings.origin.default}</span>
        ) : (
          <Badge tone={toneOf(row.origin)}>
            {row.origin === 'managed' && <Icon name="lock" size={12} />}
            {s.settings.origin[row.origin] ?? s.settings.overridden(row.variable ?? row.origin)}
          </Badge>
        )}
      </span>
    </li>
  );
}
