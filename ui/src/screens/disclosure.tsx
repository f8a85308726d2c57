// What is captured, what never is, and how it is handled.

import type { DisclosureText } from '../bindings';
import { Icon } from '../parts/icon';
import { s } from '../strings';

export function Disclosure({ text, id, level = 'h2' }: { text: DisclosureText; id: string; level?: 'h2' | 'h3' }) {
  const Heading = level;
  return (
    <div class="disclosure">
      <p class="disclosure-summary">{text.summary}</p>
      {text.captured.length > 0 && (
        <section aria-labelledby={`${id}-captured`}>
          <Heading id={`${id}-captured`}>{s.disclosure.captured}</Heading>
          <ul class="disclosure-items">
            {text.captured.map((item) => (
              <li key={item.title}>
                <strong>{item.title}</strong>
                <span class="soft">{item.text}</span>
              </li>
            ))}
          </ul>
        </section>
      )}
      {text.never.length > 0 && (
        <section aria-labelledby={`${id}-never`}>
          <Heading id={`${id}-never`}>{s.disclosure.never}</Heading>
          <ul class="disclosure-never">
            {text.never.map((line) => (
              <li key={line}>
                <Icon name="close" size={16} />
                <span>{line}</span>
              </li>
            ))}
          </ul>
        </section>
      )}
      {text.handling.length > 0 && (
        <section aria-labelledby={`${id}-handling`}>
          <Heading id={`${id}-handling`}>{s.disclosure.handling}</Heading>
          <ul class="disclosure-items">
            {text.handling.map((item) => (
              <li key={item.title}>
                <strong>{item.title}</strong>
                <span class="soft">{item.text}</span>
              </li>
            ))}
          </ul>
        </section>
      )}
    </div>
  );
}
