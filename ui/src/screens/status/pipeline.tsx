// The four stages of an event's way, each with its count, its last movement and its state.

import type { Stage, StageState } from '../../bindings';
import { ago, number, sentence } from '../../format';
import { Card, type Tone } from '../../parts/basics';
import { s } from '../../strings';

const STATE_TONES: Record<StageState, Tone> = {
  moving: 'good',
  resting: 'calm',
  late: 'warn',
  blocked: 'bad',
};

const STATE_GLYPHS: Record<StageState, string> = {
  moving: 'M4.5 8.2 7 10.7 11.5 5.5',
  resting: 'M5 8h6',
  late: 'M8 4.8V8l2.2 1.6',
  blocked: 'M5.5 5.5l5 5M10.5 5.5l-5 5',
};

export function Pipeline({ stages, now }: { stages: Stage[]; now: number }) {
  const told = stages.filter((stage) => stage.detail && stage.state !== 'moving');
  return (
    <Card id="pipeline" title={s.pipeline.title} className="pipeline-card">
      <ol class="pipeline">
        {stages.map((stage, index) => (
          <StageItem key={stage.name} stage={stage} next={stages[index + 1]} now={now} />
        ))}
      </ol>
      {told.length > 0 && (
        <ul class="stage-details">
          {told.map((stage) => (
            <li key={stage.name} class={`tone-${STATE_TONES[stage.state]}`}>
              <strong>{s.pipeline.stages[stage.name]}</strong>
              <span class="breakable">{stage.detail && sentence(stage.detail)}</span>
            </li>
          ))}
        </ul>
      )}
    </Card>
  );
}

function StageItem({ stage, next, now }: { stage: Stage; next: Stage | undefined; now: number }) {
  const flows = stage.state === 'moving' && next?.state === 'moving';
  return (
    <li
      class={`stage tone-${STATE_TONES[stage.state]} ${flows ? 'flows' : ''}`}
      data-stage={stage.name}
      data-state={stage.state}
    >
      <svg class="stage-dot" viewBox="0 0 16 16" width="24" height="24" aria-hidden="true">
        <circle cx="8" cy="8" r="7" />
        <path d={STATE_GLYPHS[stage.state]} />
      </svg>
      <span class="stage-name">{s.pipeline.stages[stage.name]}</span>
      <span class="stage-count figures" data-count={stage.count}>
        {number(stage.count)}
      </span>
      <span class="stage-moved small">
        <span class="stage-state">{s.pipeline.states[stage.state]}</span>
        <span class="soft">{stage.moved_at ? ago(stage.moved_at, now) : s.times.never}</span>
      </span>
    </li>
  );
}
