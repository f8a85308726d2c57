// The enrollment that this one would replace, and what becomes of that which waits for it.

import type { FormerEnrollment, FormerFate } from '../../bindings';
import { Note } from '../../parts/basics';
import { Segments } from '../../parts/choices';
import { FieldProblem, type FieldError } from '../../parts/text-field';
import { s } from '../../strings';

export type Replacing = Exclude<FormerFate, 'stays'>;

export function FormerNote(props: {
  id: string;
  former: FormerEnrollment;
  isSame: boolean;
  fate: Replacing;
  error: FieldError | null;
  onFate: (fate: Replacing) => void;
}) {
  const { former, fate, error } = props;
  const words = s.wizard.former;
  const isWaiting = former.events + former.images > 0;
  const isAsked = error !== null || (isWaiting && !props.isSame);
  return (
    <Note tone={isAsked ? 'warn' : 'accent'} title={words.title} id="former">
      <span class="breakable">{words.whose(former.username, former.server_url)}</span>
      {isWaiting && (
        <span>
          {words.waits(former.events, former.images)} {isAsked ? words.apart : words.kept}
        </span>
      )}
      {isAsked && (
        <div class="field" id={props.id}>
          <Segments
            name="former-fate"
            legend={words.legend}
            isLegendVisible
            look="pills"
            choices={[
              ['sent_first', words.sentFirst],
              ['discarded', words.discarded],
            ]}
            value={fate}
            onChange={props.onFate}
          />
          {error && <FieldProblem id={`${props.id}-error`} error={error} />}
          <span class="help">{fate === 'discarded' ? words.discardedHelp : words.sentFirstHelp}</span>
        </div>
      )}
    </Note>
  );
}

/** Whether both addresses are of one server; the backend decides for itself. */
export function isSameServer(one: string, other: string): boolean {
  const origin = (address: string) => {
    try {
      const { protocol, host } = new URL(address.trim());
      return `${protocol}//${host}`;
    } catch {
      return address.trim();
    }
  };
  return origin(one) === origin(other);
}
