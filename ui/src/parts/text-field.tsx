// A labelled line of text, with its help and its error beneath.

import type { ComponentChildren, TargetedInputEvent } from 'preact';
import { sentence } from '../format';
import { Icon } from './icon';

export interface FieldError {
  message: string;
  hint: string | null;
}

export function TextField(props: {
  id: string;
  name: string;
  label: string;
  value: string;
  help?: string;
  error?: FieldError | null;
  type?: 'text' | 'password' | 'url';
  isReadOnly?: boolean;
  autoComplete?: 'off' | 'username';
  beside?: ComponentChildren;
  onChange: (value: string) => void;
}) {
  const { id, error, help } = props;
  const about = [error ? `${id}-error` : '', help ? `${id}-help` : ''].filter(Boolean).join(' ');
  return (
    <div class="field">
      <label for={id}>{props.label}</label>
      <div class="input-row">
        <input
          id={id}
          name={props.name}
          class="input"
          type={(props.type ?? 'text') as 'text'}
          inputMode={props.type === 'url' ? 'url' : undefined}
          value={props.value}
          readOnly={props.isReadOnly}
          autoComplete={props.autoComplete ?? 'off'}
          autoCapitalize="off"
          spellcheck={false}
          aria-invalid={error ? 'true' : undefined}
          aria-describedby={about || undefined}
          onInput={(event: TargetedInputEvent<HTMLInputElement>) => props.onChange(event.currentTarget.value)}
        />
        {props.beside}
      </div>
      {error && <FieldProblem id={`${id}-error`} error={error} />}
      {help && (
        <span class="help" id={`${id}-help`}>
          {help}
        </span>
      )}
    </div>
  );
}

export function FieldProblem({ id, error }: { id: string; error: FieldError }) {
  return (
    <span class="field-error" id={id}>
      <Icon name="alert" size={16} />
      <span>
        {sentence(error.message)}
        {error.hint && `. ${sentence(error.hint)}`}
      </span>
    </span>
  );
}
