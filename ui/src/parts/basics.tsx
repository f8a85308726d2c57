// Buttons, cards, notes: what every screen is made of.

import { type ComponentChildren, Fragment, type TargetedMouseEvent } from 'preact';
import type { Problem } from '../bindings';
import { sentence } from '../format';
import { s } from '../strings';
import { Icon, type IconName } from './icon';

export type Tone = 'good' | 'warn' | 'bad' | 'accent' | 'sync' | 'pause' | 'calm';

interface ButtonProps {
  name: string;
  children: ComponentChildren;
  icon?: IconName;
  look?: 'primary' | 'quiet' | 'plain';
  isDanger?: boolean;
  isBusy?: boolean;
  type?: 'button' | 'submit';
  form?: string;
  label?: string;
  hasPopup?: boolean;
  onClick?: (event: TargetedMouseEvent<HTMLButtonElement>) => void;
}

/** While busy it keeps the focus and ignores clicks. */
export function Button(props: ButtonProps) {
  const { name, children, icon, look = 'plain', isDanger, isBusy, type = 'button', form, label, onClick } = props;
  const className = ['button', look === 'plain' ? '' : look, isDanger ? 'danger' : ''].filter(Boolean).join(' ');
  return (
    <button
      type={type}
      name={name}
      form={form}
      class={className}
      aria-label={label}
      aria-haspopup={props.hasPopup ? 'dialog' : undefined}
      aria-disabled={isBusy ? 'true' : undefined}
      onClick={(event) => {
        if (isBusy) {
          event.preventDefault();
        } else {
          onClick?.(event);
        }
      }}
    >
      {isBusy ? <span class="spinner" aria-hidden="true" /> : icon && <Icon name={icon} size={18} />}
      {children}
    </button>
  );
}

export function IconButton(props: { name: string; icon: IconName; label: string; onClick: () => void; isPressed?: boolean }) {
  return (
    <button
      type="button"
      name={props.name}
      class="button quiet icon-only"
      aria-label={props.label}
      aria-pressed={props.isPressed}
      title={props.label}
      onClick={props.onClick}
    >
      <Icon name={props.icon} />
    </button>
  );
}

/** A titled part of a screen. */
export function Card(props: {
  id: string;
  title: string;
  aside?: ComponentChildren;
  className?: string;
  children: ComponentChildren;
}) {
  return (
    <section class={`card ${props.className ?? ''}`} aria-labelledby={`${props.id}-title`} id={props.id}>
      <div class="card-head">
        <h2 id={`${props.id}-title`}>{props.title}</h2>
        {props.aside !== undefined && <div class="aside">{props.aside}</div>}
      </div>
      {props.children}
    </section>
  );
}

export function Badge({ tone, children }: { tone: Tone; children: ComponentChildren }) {
  return <span class={`badge tone-${tone}`}>{children}</span>;
}

const NOTE_ICONS: Record<Tone, IconName> = {
  good: 'check',
  warn: 'alert',
  bad: 'alert',
  accent: 'info',
  sync: 'sync',
  pause: 'pause',
  calm: 'info',
};

export function Note(props: { tone: Tone; title?: string; children?: ComponentChildren; isAlert?: boolean; id?: string }) {
  return (
    <div class={`note tone-${props.tone}`} role={props.isAlert ? 'alert' : undefined} id={props.id}>
      <Icon name={NOTE_ICONS[props.tone]} />
      <div class="note-body">
        {props.title && <strong>{props.title}</strong>}
        {props.children}
      </div>
    </div>
  );
}

/** What went wrong, what to do, and a way to try again. */
export function ProblemNote(props: { problem: Problem; tone?: 'bad' | 'warn'; again?: () => void }) {
  const { problem, tone = 'bad', again } = props;
  return (
    <Note tone={tone} title={sentence(problem.message)} isAlert={tone === 'bad'}>
      {problem.hint && <span>{sentence(problem.hint)}</span>}
      {again && (
        <div class="actions">
          <Button name="again" icon="sync" onClick={again}>
            {s.common.again}
          </Button>
        </div>
      )}
    </Note>
  );
}

export function Empty(props: { icon: IconName; title: string; children?: ComponentChildren }) {
  return (
    <div class="empty">
      <Icon name={props.icon} size={32} />
      <strong>{props.title}</strong>
      {props.children}
    </div>
  );
}

/** Grey lines of about the size of what is awaited. */
export function Skeleton({ lines = 3, height = 16 }: { lines?: number; height?: number }) {
  const widths = ['92%', '76%', '84%', '58%'];
  return (
    <div role="status" class="skeleton-lines">
      <span class="hidden-visually">{s.common.loading}</span>
      {Array.from({ length: lines }, (_, line) => (
        <span
          key={line}
          class="skeleton"
          style={{ height: `${height}px`, width: widths[line % widths.length] ?? '80%', marginBlockEnd: '8px' }}
        />
      ))}
    </div>
  );
}

export function Facts({ rows }: { rows: Array<[string, ComponentChildren]> }) {
  return (
    <dl class="facts">
      {rows.map(([name, value]) => (
        <Fragment key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </Fragment>
      ))}
    </dl>
  );
}
