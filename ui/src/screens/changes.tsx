import type { Widened } from '../bindings';
import { s } from '../strings';

/** Old beside new, a row for each thing of which more would be captured. */
export function Changes({ widened }: { widened: Widened[] }) {
  return (
    <section class="changes" aria-labelledby="changes-title">
      <h2 id="changes-title">{s.review.changes}</h2>
      <ul>
        {widened.map((change) => (
          <li key={change.aspect}>
            <strong>{s.review.aspects[change.aspect]}</strong>
            <div class="change">
              <Side className="before" title={s.review.before} lines={change.before} />
              <Side className="after" title={s.review.after} lines={change.after} />
            </div>
          </li>
        ))}
      </ul>
    </section>
  );
}

function Side({ className, title, lines }: { className: string; title: string; lines: string[] }) {
  return (
    <div class={className}>
      <span class="small side-title">{title}</span>
      {lines.length === 0 && <p>{s.review.nothingThere}</p>}
      {lines.map((line) => (
        <p key={line} class="breakable">
          {line}
        </p>
      ))}
    </div>
  );
}
