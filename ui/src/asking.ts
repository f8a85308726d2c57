// How a screen asks the backend: once, again, or every so often while it is visible.

import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { problemOf } from './api';
import type { Problem } from './bindings';

export type Answer<T> =
  | { kind: 'waiting' }
  | { kind: 'here'; value: T }
  | { kind: 'failed'; problem: Problem; last: T | null };

export interface Asked<T> {
  answer: Answer<T>;
  /** The last value, also while a later question failed. */
  value: T | null;
  again: () => void;
  put: (value: T) => void;
}

/** Asks when the screen opens, and again whenever `key` changes. Late answers to old keys are ignored. */
export function useAnswer<T>(ask: () => Promise<T>, key: unknown = null): Asked<T> {
  const [answer, setAnswer] = useState<Answer<T>>({ kind: 'waiting' });
  const turn = useRef(0);
  const question = useRef(ask);
  question.current = ask;

  const again = useCallback(() => {
    const mine = ++turn.current;
    question.current().then(
      (value) => mine === turn.current && setAnswer({ kind: 'here', value }),
      (thrown) =>
        mine === turn.current &&
        setAnswer((before) => ({ kind: 'failed', problem: problemOf(thrown), last: valueOf(before) })),
    );
  }, []);
  const put = useCallback((value: T) => {
    turn.current += 1;
    setAnswer({ kind: 'here', value });
  }, []);

  useEffect(() => {
    again();
    return () => {
      turn.current += 1;
    };
  }, [again, key]);
  return { answer, value: valueOf(answer), again, put };
}

/** Asks every `everyMs` while the window is visible; one question at a time. */
export function usePolled<T>(ask: () => Promise<T>, everyMs: number): Asked<T> {
  const asked = useAnswer(ask);
  const { again, answer } = asked;
  useEffect(() => {
    if (answer.kind === 'waiting') {
      return;
    }
    let timer: ReturnType<typeof setTimeout> | undefined;
    const plan = () => {
      clearTimeout(timer);
      if (document.visibilityState === 'visible') {
        timer = setTimeout(again, everyMs);
      }
    };
    const look = () => {
      clearTimeout(timer);
      if (document.visibilityState === 'visible') {
        again();
      }
    };
    plan();
    document.addEventListener('visibilitychange', look);
    return () => {
      clearTimeout(timer);
      document.removeEventListener('visibilitychange', look);
    };
  }, [again, answer, everyMs]);
  return asked;
}

export interface Deed<A extends unknown[]> {
  run: (...args: A) => void;
  isRunning: boolean;
  problem: Problem | null;
  clear: () => void;
}

/** Something the person asks for: it runs once at a time, and what went wrong is kept for showing. */
export function useDeed<A extends unknown[], T>(
  act: (...args: A) => Promise<T>,
  then?: (value: T) => void,
): Deed<A> {
  const [isRunning, setRunning] = useState(false);
  const [problem, setProblem] = useState<Problem | null>(null);
  const busy = useRef(false);
  const run = (...args: A) => {
    if (busy.current) {
      return;
    }
    busy.current = true;
    setRunning(true);
    setProblem(null);
    act(...args)
      .then(
        (value) => then?.(value),
        (thrown) => setProblem(problemOf(thrown)),
      )
      .finally(() => {
        busy.current = false;
        setRunning(false);
      });
  };
  return { run, isRunning, problem, clear: () => setProblem(null) };
}

/** The current moment in milliseconds, moving on every `everyMs` while the window is visible. */
export function useNow(everyMs = 1000): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => {
      if (document.visibilityState === 'visible') {
        setNow(Date.now());
      }
    }, everyMs);
    return () => clearInterval(timer);
  }, [everyMs]);
  return now;
}

function valueOf<T>(answer: Answer<T>): T | null {
  switch (answer.kind) {
    case 'here':
      return answer.value;
    case 'failed':
      return answer.last;
    case 'waiting':
      return null;
  }
}
