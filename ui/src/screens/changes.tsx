import type { Widened } from '../bindings';
import { s } from '../strings';

/** Old beside new, a row for each thing of which more would be captured. */
export function Changes({ widened }: { widened: Widened[] }) {
  return (
    <section class="changes" aria-labelledby="changes-title">
      <h2 id="changes-title">{s.review.changes}</h2>
      <ul>
        {widened.map((change) => (
          <li key={change.subject}>
            <strong>{change.subject}</strong>
            <div class="change">
              <div class="before">
                <span class="small soft">{s.review.before}</span>
                <span>{change.before}</span>
              </div>
              <div class="after">
                <span class="small">{s.review.after}</span>
                <span>{change.after}</span>
              </div>
            </div>
          </li>
        ))}
      </ul>
    </section>
  );
}
