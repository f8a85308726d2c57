// Numbers, sizes, durations and times as the window writes them.

import { locale, s } from './strings';

const numbers = new Intl.NumberFormat(locale);
const oneDigit = new Intl.NumberFormat(locale, { maximumFractionDigits: 1 });
const clocks = new Intl.DateTimeFormat(locale, { hour: '2-digit', minute: '2-digit' });
const seconds = new Intl.DateTimeFormat(locale, { hour: '2-digit', minute: '2-digit', second: '2-digit' });
const days = new Intl.DateTimeFormat(locale, { weekday: 'long', day: 'numeric', month: 'long' });
const moments = new Intl.DateTimeFormat(locale, { dateStyle: 'medium', timeStyle: 'short' });
const shortMoments = new Intl.DateTimeFormat(locale, {
  day: 'numeric',
  month: 'short',
  hour: '2-digit',
  minute: '2-digit',
});

export const number = (value: number) => numbers.format(value);

export function bytes(value: number): string {
  const units = s.units.bytes;
  let step = 0;
  let rest = value;
  while (rest >= 1024 && step < units.length - 1) {
    rest /= 1024;
    step += 1;
  }
  return `${(rest < 10 && step > 0 ? oneDigit : numbers).format(rest < 10 ? rest : Math.round(rest))} ${units[step]}`;
}

/** `3 h 12 min`, `12 min`, `45 s`. */
export function duration(value: number): string {
  const whole = Math.max(0, Math.round(value));
  if (whole < 60) {
    return s.units.seconds(whole);
  }
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) {
    return s.units.minutes(minutes);
  }
  const hours = Math.floor(minutes / 60);
  if (hours >= 48) {
    return s.units.days(Math.floor(hours / 24));
  }
  const rest = minutes % 60;
  return rest === 0 ? s.units.hours(hours) : `${s.units.hours(hours)} ${s.units.minutes(rest)}`;
}

/** `09:58` until the moment. */
export function countdown(until: string, now: number): string {
  const left = Math.max(0, Math.round((Date.parse(until) - now) / 1000));
  const pad = (part: number) => String(part).padStart(2, '0');
  const hours = Math.floor(left / 3600);
  const rest = `${pad(Math.floor((left % 3600) / 60))}:${pad(left % 60)}`;
  return hours > 0 ? `${hours}:${rest}` : rest;
}

/** `just now`, `12 s ago`, `3 min ago`; a date where it is more than a day ago. */
export function ago(at: string, now: number): string {
  const past = (now - Date.parse(at)) / 1000;
  if (past < 3) {
    return s.times.justNow;
  }
  return past < 86_400 ? s.times.ago(duration(past >= 3600 ? Math.round(past / 3600) * 3600 : past)) : shortMoment(at);
}

/** `in 12 s`, or `now`. */
export function until(at: string, now: number): string {
  const left = (Date.parse(at) - now) / 1000;
  return left < 1 ? s.times.now : s.times.in(duration(left));
}

export const clock = (at: string | number) => clocks.format(new Date(at));
export const clockSeconds = (at: string) => seconds.format(new Date(at));
export const moment = (at: string) => moments.format(new Date(at));
export const shortMoment = (at: string) => shortMoments.format(new Date(at));

/** A day of the local calendar, `2026-11-22`, in words. */
export function day(date: string): string {
  const [year = 1970, month = 1, dayOfMonth = 1] = date.split('-').map(Number);
  return days.format(new Date(year, month - 1, dayOfMonth));
}

export const share = (part: number) =>
  new Intl.NumberFormat(locale, { style: 'percent', maximumFractionDigits: 0 }).format(part);

/** With a capital letter, unless it begins with a name that is written small: a program, a file, an address. */
export const sentence = (text: string) =>
  /^[a-z]+(?=[\s,;:.!?’]|$)(?!:\/)(?!\.\S)/.test(text) ? text.charAt(0).toUpperCase() + text.slice(1) : text;
