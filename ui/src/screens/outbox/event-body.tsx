import { useMemo, useState } from 'preact/hooks';
import type { ImageView, OutboxEvent } from '../../bindings';
import { bytes, sentence } from '../../format';
import { Button, Note } from '../../parts/basics';
import { Dialog } from '../../parts/dialog';
import { Picture } from '../../parts/picture';
import type { Tell } from '../../parts/toast';
import { s } from '../../strings';
import { jsonParts } from './json-parts';

interface BodyProps {
  id: string;
  event: OutboxEvent;
  isReplaying: boolean;
  onReplay: (() => void) | undefined;
  tell: Tell;
}

/** The JSON as it is sent, the image, and why it is stuck where it is. */
export function EventBody({ id, event, isReplaying, onReplay, tell }: BodyProps) {
  return (
    <div class="event-body" id={id}>
      {event.reason && (
        <Note tone="bad" title={s.outbox.reason}>
          <span>{sentence(event.reason)}</span>
          {onReplay && (
            <div class="actions">
              <Button name="replay" icon="sync" isBusy={isReplaying} onClick={onReplay}>
                {s.outbox.replay}
              </Button>
            </div>
          )}
        </Note>
      )}
      {event.image && <EventImage image={event.image} />}
      <Json json={event.json} tell={tell} />
    </div>
  );
}

function Json({ json, tell }: { json: string; tell: Tell }) {
  const parts = useMemo(() => jsonParts(json), [json]);
  const copy = () =>
    navigator.clipboard.writeText(json).then(
      () => tell(s.common.copied),
      () => tell(s.common.notCopied),
    );
  return (
    <div class="json">
      <div class="json-head">
        <span class="small soft">{s.outbox.asSent}</span>
        <Button name="copy" icon="copy" look="quiet" onClick={copy}>
          {s.outbox.copy}
        </Button>
      </div>
      <pre tabIndex={0} aria-label={s.outbox.asSent} role="region">
        <code>
          {parts.map((part) =>
            part.kind === 'plain' ? part.text : <span class={`json-${part.kind}`}>{part.text}</span>,
          )}
        </code>
      </pre>
    </div>
  );
}

function EventImage({ image }: { image: ImageView }) {
  const [isOpen, setOpen] = useState(false);
  const facts = s.outbox.imageFacts(image.width, image.height, bytes(image.size_bytes));
  if (!image.is_here) {
    return <p class="soft">{s.outbox.imageGone}</p>;
  }
  return (
    <>
      <button type="button" name="open-image" class="event-image" aria-haspopup="dialog" aria-label={s.outbox.openImage} onClick={() => setOpen(true)}>
        <Picture sha256={image.sha256} alt={s.outbox.image} />
        <span class="small soft figures">{facts}</span>
      </button>
      {isOpen && (
        <Dialog id="image-dialog" title={facts} size="wide" onClose={() => setOpen(false)}>
          <Picture sha256={image.sha256} alt={s.outbox.image} />
        </Dialog>
      )}
    </>
  );
}
