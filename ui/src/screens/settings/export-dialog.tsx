// What the file for support would hold, before any of it is written.

import { api } from '../../api';
import { useDeed } from '../../asking';
import type { Gathered } from '../../bindings';
import { bytes, sentence } from '../../format';
import { Button, ProblemNote } from '../../parts/basics';
import { Dialog } from '../../parts/dialog';
import { s } from '../../strings';

export function ExportDialog(props: { gathered: Gathered; onClose: () => void; onWritten: (path: string) => void }) {
  const { path, parts } = props.gathered;
  const write = useDeed(api.writeDiagnostics, props.onWritten);
  return (
    <Dialog id="export-dialog" title={s.settings.exportTitle} size="reading" onClose={props.onClose}>
      <p class="soft">{s.settings.exportLead}</p>
      <ul class="export-parts">
        {parts.map((part) => (
          <li key={part.name}>
            <span class="export-part">
              <code class="breakable">{part.name}</code>
              <span class="soft small breakable">{sentence(part.about)}</span>
            </span>
            <span class="soft small figures">{bytes(part.bytes)}</span>
          </li>
        ))}
      </ul>
      <p class="small">
        {s.settings.exportPlace} <code class="breakable">{path}</code>
      </p>
      {write.problem && <ProblemNote problem={write.problem} />}
      <div class="actions end">
        <Button name="cancel" onClick={props.onClose}>
          {s.common.cancel}
        </Button>
        <Button name="write-export" look="primary" icon="download" isBusy={write.isRunning} onClick={() => write.run()}>
          {s.settings.exportWrite}
        </Button>
      </div>
    </Dialog>
  );
}
