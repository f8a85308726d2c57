import { Icon } from '../../parts/icon';
import { s } from '../../strings';
import type { StepNumber } from './screen';

/** How far the wizard has got. */
export function Steps({ current }: { current: StepNumber }) {
  return (
    <ol class="steps" aria-label={s.wizard.step(current, s.wizard.steps.length)}>
      {s.wizard.steps.map((name, index) => {
        const step = index + 1;
        const state = step < current ? 'past' : step === current ? 'here' : 'ahead';
        return (
          <li key={name} class={`step ${state}`} aria-current={state === 'here' ? 'step' : undefined}>
            <span class="step-dot figures" aria-hidden="true">
              {state === 'past' ? <Icon name="check" size={14} /> : step}
            </span>
            <span class="step-name">{name}</span>
          </li>
        );
      })}
    </ol>
  );
}
