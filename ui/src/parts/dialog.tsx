// A modal dialog of the platform: Escape and a click beside it close it, the focus returns.

import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { s } from '../strings';
import { IconButton } from './basics';

export function Dialog(props: {
  id: string;
  title: string;
  size?: 'wide' | 'reading';
  onClose: () => void;
  children: ComponentChildren;
}) {
  const element = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    const before = document.activeElement;
    const dialog = element.current;
    dialog?.showModal();
    dialog?.querySelector<HTMLElement>('input:checked, .input, .actions button')?.focus();
    return () => {
      dialog?.close();
      if (before instanceof HTMLElement && before.isConnected) {
        before.focus();
      }
    };
  }, []);
  return (
    <dialog
      ref={element}
      id={props.id}
      class={props.size ?? ''}
      aria-labelledby={`${props.id}-title`}
      onCancel={(event) => {
        event.preventDefault();
        props.onClose();
      }}
      onClick={(event) => {
        if (event.target === element.current) {
          props.onClose();
        }
      }}
    >
      <div class="dialog-body">
        <div class="dialog-head">
          <h2 id={`${props.id}-title`}>{props.title}</h2>
          <IconButton name="close" icon="close" label={s.common.close} onClick={props.onClose} />
        </div>
        {props.children}
      </div>
    </dialog>
  );
}
