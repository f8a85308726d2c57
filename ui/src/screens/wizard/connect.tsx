// Server, person and secret. What is wrong is said beside its field, and nothing typed is lost.

import { useEffect, useRef, useState } from 'preact/hooks';
import { api, enrollProblemOf } from '../../api';
import type { EnrollField, EnrollProblem, Enrolled, Wizard } from '../../bindings';
import { Button, Note, ProblemNote } from '../../parts/basics';
import { TextField } from '../../parts/text-field';
import { s } from '../../strings';
import { FormerNote, isSameServer, type Replacing } from './former';
import { SecretField } from './secret';

export interface Entries {
  server: string;
  username: string;
  secret: string;
  secretFile: string | null;
  fate: Replacing;
}

const FIELD_IDS: Record<EnrollField, string> = {
  server_url: 'enroll-server',
  username: 'enroll-username',
  secret: 'enroll-secret',
  former: 'enroll-former',
};

export function ConnectStep(props: {
  wizard: Wizard;
  entries: Entries;
  onEntries: (entries: Entries) => void;
  onBack: () => void;
  onEnrolled: (enrolled: Enrolled) => void;
}) {
  const { wizard, entries, onEntries } = props;
  const [problem, setProblem] = useState<EnrollProblem | null>(null);
  const [isAsking, setAsking] = useState(false);
  const form = useRef<HTMLFormElement>(null);
  const errorOf = (field: EnrollField) => (problem?.field === field ? problem : null);

  useEffect(() => {
    if (problem?.field) {
      const id = FIELD_IDS[problem.field];
      form.current?.querySelector<HTMLElement>(`input#${id}, #${id} input:checked`)?.focus();
    }
  }, [problem]);

  const server = wizard.preset_server ?? entries.server;
  const submit = async () => {
    if (isAsking) {
      return;
    }
    const missing = firstMissing(wizard, entries);
    if (missing) {
      setProblem({ field: missing, message: s.wizard.required[missing], hint: null });
      return;
    }
    setProblem(null);
    setAsking(true);
    try {
      props.onEnrolled(
        await api.enroll({
          server_url: server.trim(),
          username: entries.username.trim(),
          secret: wizard.has_preset_secret ? null : entries.secret.trim(),
          former: wizard.former ? entries.fate : 'stays',
        }),
      );
    } catch (thrown) {
      setProblem(placed(enrollProblemOf(thrown), wizard));
    } finally {
      setAsking(false);
    }
  };

  return (
    <form
      class="wizard-form"
      ref={form}
      noValidate
      aria-busy={isAsking}
      onSubmit={(event) => {
        event.preventDefault();
        void submit();
      }}
    >
      <div class="wizard-title">
        <h1 tabIndex={-1}>{s.wizard.connectTitle}</h1>
        <p class="soft">{s.wizard.connectLead}</p>
      </div>
      {problem && !problem.field && (
        <ProblemNote problem={problem} />
      )}
      {wizard.preset_problem && (
        <ProblemNote tone="warn" problem={wizard.preset_problem} />
      )}
      {wizard.preset_server ? (
        <Note tone="accent" title={s.wizard.presetTitle} id="preset">
          <span>{s.wizard.presetServer}</span>
          <code class="breakable">{wizard.preset_server}</code>
          {wizard.has_preset_secret && <span>{s.wizard.presetSecret}</span>}
        </Note>
      ) : (
        <TextField
          id={FIELD_IDS.server_url}
          name="server"
          type="url"
          label={s.wizard.server}
          help={s.wizard.serverHelp}
          value={entries.server}
          isReadOnly={isAsking}
          error={errorOf('server_url')}
          onChange={(server) => onEntries({ ...entries, server })}
        />
      )}
      <TextField
        id={FIELD_IDS.username}
        name="username"
        label={s.wizard.username}
        help={s.wizard.usernameHelp}
        autoComplete="username"
        value={entries.username}
        isReadOnly={isAsking}
        error={errorOf('username')}
        onChange={(username) => onEntries({ ...entries, username })}
      />
      {!wizard.has_preset_secret && (
        <SecretField
          id={FIELD_IDS.secret}
          entries={entries}
          isReadOnly={isAsking}
          error={errorOf('secret')}
          onEntries={onEntries}
          onProblem={(message) => setProblem(message ? { field: 'secret', message, hint: null } : null)}
        />
      )}
      {wizard.former && (
        <FormerNote
          id={FIELD_IDS.former}
          former={wizard.former}
          isSame={wizard.former.username === entries.username.trim() && isSameServer(wizard.former.server_url, server)}
          fate={entries.fate}
          error={errorOf('former')}
          onFate={(fate) => onEntries({ ...entries, fate })}
        />
      )}
      <div class="wizard-actions">
        <Button name="back" onClick={props.onBack}>
          {s.wizard.back}
        </Button>
        <Button name="connect" type="submit" look="primary" isBusy={isAsking}>
          {isAsking ? s.wizard.connecting : s.wizard.connect}
        </Button>
        <span class="hidden-visually" role="status">
          {isAsking ? s.wizard.connecting : ''}
        </span>
      </div>
    </form>
  );
}

function firstMissing(wizard: Wizard, entries: Entries): Exclude<EnrollField, 'former'> | null {
  if (!wizard.preset_server && entries.server.trim() === '') {
    return 'server_url';
  }
  if (entries.username.trim() === '') {
    return 'username';
  }
  return !wizard.has_preset_secret && entries.secret.trim() === '' ? 'secret' : null;
}

/** A problem with a field that the preset hides is told above the form. */
function placed(problem: EnrollProblem, wizard: Wizard): EnrollProblem {
  const isHidden =
    (problem.field === 'server_url' && wizard.preset_server !== null) ||
    (problem.field === 'secret' && wizard.has_preset_secret);
  return isHidden ? { ...problem, field: null } : problem;
}
