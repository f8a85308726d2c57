import { useState } from 'preact/hooks';
import type { TodayImage } from '../../bindings';
import { clock } from '../../format';
import { Button, Card } from '../../parts/basics';
import { Dialog } from '../../parts/dialog';
import { Picture } from '../../parts/picture';
import { s } from '../../strings';

const PAGE = 12;

/** The day's screenshots, the latest first; each opens at full width. */
export function Images({ images }: { images: TodayImage[] }) {
  const [shown, setShown] = useState(PAGE);
  const [opened, setOpened] = useState<TodayImage | null>(null);
  const latestFirst = [...images].reverse();
  const rest = images.length - shown;
  return (
    <Card id="images" title={s.today.images} aside={images.length > 0 ? s.units.images(images.length) : undefined}>
      {images.length === 0 && <p class="soft">{s.today.noImages}</p>}
      <ul class="thumbs">
        {latestFirst.slice(0, shown).map((image) => (
          <li key={image.event_id}>
            <button
              type="button"
              class="thumb"
              aria-haspopup="dialog"
              aria-label={s.today.imageAt(clock(image.at))}
              onClick={() => setOpened(image)}
            >
              <Picture sha256={image.sha256} alt="" />
              <span class="small figures" aria-hidden="true">
                {clock(image.at)}
              </span>
            </button>
          </li>
        ))}
      </ul>
      {rest > 0 && (
        <div class="actions">
          <Button name="more-images" look="quiet" onClick={() => setShown(shown + PAGE)}>
            {s.common.more(Math.min(PAGE, rest))}
          </Button>
        </div>
      )}
      {opened && (
        <Dialog id="image-dialog" title={s.today.imageAt(clock(opened.at))} size="wide" onClose={() => setOpened(null)}>
          <Picture sha256={opened.sha256} alt={s.today.imageAt(clock(opened.at))} />
        </Dialog>
      )}
    </Card>
  );
}
