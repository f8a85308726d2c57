import { useRef, useState } from 'preact/hooks';
import { Button, IconButton } from '../../parts/basics';
import { type FieldError, TextField } from '../../parts/text-field';
import { s } from '../../strings';
import type { Entries } from './connect';

const LARGEST_FILE = 16 * 1024;

/** The secret, masked; pasted, or read from a file. */
export function SecretField(props: {
  id: string;
  entries: Entries;
  isReadOnly: boolean;
  error: FieldError | null;
  onEntries: (entries: Entries) => void;
  onProblem: (message: string | null) => void;
}) {
  const { entries, onEntries, onProblem } = props;
  const [isShown, setShown] = useState(false);
  const picker = useRef<HTMLInputElement>(null);

  const read = async (file: File) => {
    if (file.size > LARGEST_FILE) {
      onProblem(s.wizard.fileLarge);
      return;
    }
    try {
      const secret = (await file.text()).trim();
      if (secret === '') {
        onProblem(s.wizard.fileEmpty);
        return;
      }
      onProblem(null);
      onEntries({ ...entries, secret, secretFile: file.name });
    } catch {
      onProblem(s.wizard.fileUnread);
    }
  };

  return (
    <div class="secret">
      <TextField
        id={props.id}
        name="secret"
        type={isShown ? 'text' : 'password'}
        label={s.wizard.secret}
        help={entries.secretFile ? s.wizard.fromFile(entries.secretFile) : s.wizard.secretHelp}
        value={entries.secret}
        isReadOnly={props.isReadOnly}
        error={props.error}
        onChange={(secret) => onEntries({ ...entries, secret, secretFile: null })}
        beside={
          <>
            <IconButton
              name="reveal"
              icon={isShown ? 'eyeOff' : 'eye'}
              label={s.wizard.reveal}
              isPressed={isShown}
              onClick={() => setShown(!isShown)}
            />
            <Button name="choose-file" icon="file" onClick={() => picker.current?.click()}>
              {s.wizard.chooseFile}
            </Button>
          </>
        }
      />
      <input
        ref={picker}
        id={`${props.id}-file`}
        type="file"
        hidden
        tabIndex={-1}
        aria-hidden="true"
        onChange={(event) => {
          const file = event.currentTarget.files?.[0];
          event.currentTarget.value = '';
          if (file) {
            void read(file);
          }
        }}
      />
    </div>
  );
}
