// What is captured, what never is, where it goes and who reads it: the agent's own words.

import type { DisclosureText, DisclosureTopic } from '../bindings';
import { Icon, type IconName } from '../parts/icon';

const TOPIC_ICONS: Record<DisclosureTopic, IconName> = {
  captured: 'eye',
  never: 'eyeOff',
  receiver: 'outbox',
  storage: 'file',
  readers: 'activity',
  control: 'settings',
};

export function Disclosure(props: { text: DisclosureText; id: string; level?: 'h2' | 'h3' }) {
  const { text, id, level: Heading = 'h2' } = props;
  return (
    <div class="disclosure">
      {text.sections.map((section) => (
        <section key={section.heading} class={`is-${section.topic}`} aria-labelledby={`${id}-${section.topic}`}>
          <Heading id={`${id}-${section.topic}`}>
            <Icon name={TOPIC_ICONS[section.topic]} size={18} />
            {section.heading}
          </Heading>
          <ul class={`disclosure-items disclosure-${section.topic}`}>
            {section.items.map((item) => (
              <li key={item} class="breakable">
                {section.topic === 'never' && <Icon name="close" size={16} />}
                <span>{item}</span>
              </li>
            ))}
          </ul>
        </section>
      ))}
    </div>
  );
}
