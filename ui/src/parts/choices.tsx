// A switch, and a choice of few.

import type { ComponentChildren } from 'preact';

export function Switch(props: {
  id: string;
  label: string;
  help?: ComponentChildren;
  isOn: boolean;
  isLocked?: boolean;
  onChange: (on: boolean) => void;
}) {
  return (
    <div class="switch-row">
      <div>
        <span class="legend" id={`${props.id}-label`}>
          {props.label}
        </span>
        {props.help && (
          <span class="soft small" id={`${props.id}-help`}>
            {props.help}
          </span>
        )}
      </div>
      <button
        type="button"
        role="switch"
        id={props.id}
        class="switch"
        aria-checked={props.isOn}
        aria-disabled={props.isLocked ? 'true' : undefined}
        aria-labelledby={`${props.id}-label`}
        aria-describedby={props.help ? `${props.id}-help` : undefined}
        onClick={() => !props.isLocked && props.onChange(!props.isOn)}
      />
    </div>
  );
}

/** Radio buttons drawn as one bar, or as pills; the arrow keys move between them. */
export function Segments<T extends string | number>(props: {
  name: string;
  legend: string;
  isLegendVisible?: boolean;
  look?: 'bar' | 'pills';
  choices: Array<[T, string]>;
  value: T;
  onChange: (value: T) => void;
}) {
  return (
    <fieldset>
      <legend class={props.isLegendVisible ? 'legend' : 'hidden-visually'}>{props.legend}</legend>
      <div class={props.look === 'pills' ? 'pills' : 'segments'}>
        {props.choices.map(([value, label]) => (
          <label key={value} class="segment">
            <input
              type="radio"
              name={props.name}
              value={String(value)}
              checked={value === props.value}
              onChange={() => props.onChange(value)}
            />
            <span>{label}</span>
          </label>
        ))}
      </div>
    </fieldset>
  );
}
