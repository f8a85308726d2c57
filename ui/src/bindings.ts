// Written by a test of the backend; do not edit.

/**
 * What helps, as far as the app can do it.
 */
export type Action = "enroll" | "review_consent" | "resume" | "sync_now" | "diagnose";

/**
 * The time of an application.
 */
export type ApplicationTime = {
/**
 * The application.
 */
app: string,
/**
 * Seconds in focus.
 */
seconds: number,
/**
 * In how many stretches.
 */
visits: number, };

/**
 * Start at login.
 */
export type Autostart = {
/**
 * Whether the app starts at login, as the system's own entry says.
 */
is_on: boolean,
/**
 * Why it cannot be changed.
 */
problem: Problem | null, };

/**
 * A time in which no work was counted.
 */
export type Band = {
/**
 * Why.
 */
kind: BandKind,
/**
 * From; RFC 3339.
 */
start: string,
/**
 * To; RFC 3339.
 */
end: string, };

/**
 * Why no work was counted.
 */
export type BandKind = "idle" | "locked" | "suspended" | "paused" | "off";

/**
 * What the person agreed to, and what now waits for a word.
 */
export type ConsentView = {
/**
 * When the person agreed; RFC 3339. `null` before the first time.
 */
accepted_at: string | null,
/**
 * The version of the policy that was agreed to.
 */
accepted_version: number | null,
/**
 * What is captured now. Before the first consent: nothing, so `proposed` is what counts.
 */
in_force: DisclosureText,
/**
 * What the policy asks for.
 */
proposed: DisclosureText,
/**
 * How that goes beyond what the person agreed to; empty where nothing waits.
 */
widened: Array<Widened>,
/**
 * The version of the policy that asks, to hand to `accept_consent`.
 */
policy_version: number | null,
/**
 * Stands for the text of `proposed`, to hand to `accept_consent`.
 */
digest: string, };

/**
 * One thing that was looked at.
 */
export type DiagnosticCheck = {
/**
 * Its name.
 */
name: string,
/**
 * How it is.
 */
state: DiagnosticState,
/**
 * One sentence without a full stop.
 */
detail: string,
/**
 * What to do about it.
 */
remedy: string | null, };

/**
 * How a thing is.
 */
export type DiagnosticState = "ok" | "warning" | "failed" | "unknown";

/**
 * What `doctor` found.
 */
export type Diagnostics = {
/**
 * One check each.
 */
checks: Array<DiagnosticCheck>, };

/**
 * A part of a disclosure.
 */
export type DisclosureSection = {
/**
 * What it is about.
 */
topic: DisclosureTopic,
/**
 * Its heading.
 */
heading: string,
/**
 * Its sentences, one a point.
 */
items: Array<string>, };

/**
 * What is captured, in plain words.
 */
export type DisclosureText = {
/**
 * The heading of all.
 */
title: string,
/**
 * Its parts, in the order in which they are read.
 */
sections: Array<DisclosureSection>, };

/**
 * What a part of a disclosure is about.
 */
export type DisclosureTopic = "captured" | "never" | "receiver" | "storage" | "readers" | "control";

/**
 * A field of the wizard.
 */
export type EnrollField = "server_url" | "username" | "secret" | "former";

/**
 * What a person fills in.
 */
export type EnrollForm = {
/**
 * The server; not read where the administrator set one.
 */
server_url: string,
/**
 * The person.
 */
username: string,
/**
 * The enrollment secret; `null` where the administrator left one.
 */
secret: string | null,
/**
 * What becomes of an enrollment that is there.
 */
former: FormerFate, };

/**
 * Why enrolling did not work, beside the field that it is about.
 */
export type EnrollProblem = {
/**
 * The field.
 */
field: EnrollField | null,
/**
 * One sentence of cause, without a full stop.
 */
message: string,
/**
 * What to do about it.
 */
hint: string | null, };

/**
 * The device is enrolled; capture begins with the person's consent to this.
 */
export type Enrolled = {
/**
 * For whom.
 */
username: string,
/**
 * Where.
 */
server_url: string,
/**
 * Where the key is kept, in words.
 */
key_place: string, };

/**
 * The counters. `captured = sent + pending + dead_letter + dropped`.
 */
export type Figures = {
/**
 * Events that were ever stored.
 */
captured: number,
/**
 * Events that wait in memory.
 */
queued: number,
/**
 * Stored events that the server has not acknowledged.
 */
pending: number,
/**
 * Those on their way.
 */
in_flight: number,
/**
 * Events that the server acknowledged.
 */
sent: number,
/**
 * Events that the server refused for good.
 */
rejected: number,
/**
 * Events kept with the reason why they cannot be delivered.
 */
dead_letter: number,
/**
 * Events given up, told to the server as a gap.
 */
dropped: number,
/**
 * Images that the server does not have yet.
 */
images_pending: number,
/**
 * Age of the oldest pending event in seconds.
 */
oldest_pending_s: number | null,
/**
 * Bytes on disk.
 */
disk_bytes: number,
/**
 * When the server last acknowledged something; RFC 3339.
 */
last_receipt: string | null,
/**
 * What went wrong last; `null` once delivery works.
 */
last_error: string | null,
/**
 * When delivery is tried again; RFC 3339.
 */
next_attempt: string | null, };

/**
 * An enrollment that is there, and what waits for it.
 */
export type FormerEnrollment = {
/**
 * For whom.
 */
username: string,
/**
 * Where.
 */
server_url: string,
/**
 * How many events wait.
 */
events: number,
/**
 * How many images wait.
 */
images: number, };

/**
 * What becomes of an enrollment that is there. What waits stays where the person and the
 * server stay the same; it never reaches another server, and is never sent as another person's.
 */
export type FormerFate = "stays" | "sent_first" | "discarded";

/**
 * Diagnostics that were gathered and are not written yet.
 */
export type Gathered = {
/**
 * The file that they would be written to.
 */
path: string,
/**
 * What it would hold.
 */
parts: Array<GatheredPart>, };

/**
 * One file within the file of diagnostics.
 */
export type GatheredPart = {
/**
 * Its name.
 */
name: string,
/**
 * What it holds, in a few words.
 */
about: string,
/**
 * Its length before it is packed.
 */
bytes: number, };

/**
 * The icon.
 */
export type Icon = "working" | "syncing" | "offline" | "paused" | "action_needed";

/**
 * An image.
 */
export type ImageView = {
/**
 * Its hash, which the `image` command takes.
 */
sha256: string,
/**
 * Width in pixels.
 */
width: number,
/**
 * Height in pixels.
 */
height: number,
/**
 * Size in bytes.
 */
size_bytes: number,
/**
 * Whether it still lies on this computer; delivered ones may be gone.
 */
is_here: boolean, };

/**
 * Events of one kind, and how many of each there are.
 */
export type Outbox = {
/**
 * The events.
 */
events: Array<OutboxEvent>,
/**
 * How many there are of each kind, as of the moment of the list.
 */
counts: OutboxCounts,
/**
 * Whether there are more than were asked for.
 */
has_more: boolean, };

/**
 * How many events there are of each kind.
 */
export type OutboxCounts = {
/**
 * What waits.
 */
pending: number,
/**
 * What was ever delivered; only the latest of it is still readable.
 */
sent: number,
/**
 * What cannot be delivered.
 */
dead: number, };

/**
 * An event, exactly as it is sent.
 */
export type OutboxEvent = {
/**
 * Its id.
 */
event_id: string,
/**
 * Its place.
 */
seq: number,
/**
 * `activity`, `heartbeat`, `window`, `screenshot`, `custom` or `gap`.
 */
event_type: string,
/**
 * When it happened; RFC 3339.
 */
timestamp: string,
/**
 * What it says, in a few words.
 */
summary: string,
/**
 * The object as it is sent, indented for reading; no field is added or left out.
 */
json: string,
/**
 * The image that belongs to it.
 */
image: ImageView | null,
/**
 * Why it is a dead letter.
 */
reason: string | null, };

/**
 * Asks for events.
 */
export type OutboxRequest = {
/**
 * Which ones.
 */
which: OutboxWhich,
/**
 * How many at most, 1 to 1,000.
 */
limit: number, };

/**
 * Which events are asked for.
 */
export type OutboxWhich = "pending" | "sent" | "dead";

/**
 * What the window shows at any time. Asked for every second while it is visible.
 */
export type Overview = {
/**
 * Version of the app.
 */
version: string,
/**
 * The icon and the first line.
 */
standing: Standing,
/**
 * Who runs the agent.
 */
run_state: RunState,
/**
 * For whom the device is enrolled; `null` before.
 */
person: Person | null,
/**
 * From capture to receipt, in this order.
 */
stages: Array<Stage>,
/**
 * The counters.
 */
figures: Figures,
/**
 * What serves each signal: focus, idle, session, screen.
 */
signals: Array<SignalView>,
/**
 * What the person does now, where the agent tells.
 */
presence: Presence | null,
/**
 * The pause in force; `null` where there is none.
 */
pause: PauseView | null,
/**
 * What the policy says about pauses.
 */
pause_rule: PauseRule,
/**
 * Whether screenshots are allowed, so that one can be asked for.
 */
can_screenshot: boolean,
/**
 * Whether a wider policy waits for the person's word.
 */
consent_awaits: boolean,
/**
 * Whether a tray shows the icon; without one the window says how to come back.
 */
has_tray: boolean,
/**
 * Whether the person may end the app from the window.
 */
can_quit: boolean,
/**
 * Version of the server's configuration; `null` where none was fetched.
 */
policy_version: number | null,
/**
 * The screen to go to, where the tray asked for one since the last look.
 */
wanted_screen: Screen | null, };

/**
 * What the policy says about pauses.
 */
export type PauseRule = {
/**
 * Whether the person may pause.
 */
allowed: boolean,
/**
 * The longest pause in minutes.
 */
max_minutes: number, };

/**
 * A pause.
 */
export type PauseView = {
/**
 * When it began; RFC 3339.
 */
since: string,
/**
 * When it ends by itself; RFC 3339.
 */
until: string,
/**
 * Why, in the person's words.
 */
reason: string | null, };

/**
 * For whom the device is enrolled.
 */
export type Person = {
/**
 * The name that the server knows.
 */
username: string,
/**
 * The device's id.
 */
device_id: string,
/**
 * Where events go.
 */
server_url: string,
/**
 * Where the key is kept, in words.
 */
key_place: string | null, };

/**
 * What the person does now, as it would be reported.
 */
export type Presence = {
/**
 * `active`, `idle`, `locked`, `suspended` or `paused`.
 */
state: string,
/**
 * Since when; RFC 3339.
 */
since: string | null,
/**
 * The application that has the focus, as it is reported.
 */
app: string | null,
/**
 * Its window's title, as it is reported.
 */
title: string | null,
/**
 * Since when it has the focus; RFC 3339.
 */
app_since: string | null, };

/**
 * Why something did not work, and what to do about it.
 */
export type Problem = {
/**
 * One sentence of cause, without a full stop.
 */
message: string,
/**
 * What to do about it; `null` where nothing can be done.
 */
hint: string | null, };

/**
 * Who runs the agent.
 */
export type RunState = { "kind": "here" } | { "kind": "attached",
/**
 * Its process id.
 */
pid: number, } | { "kind": "starting" } | { "kind": "not_enrolled" } | { "kind": "failed",
/**
 * Why.
 */
problem: Problem, };

/**
 * Which screen the window shows.
 */
export type Screen = "wizard" | "status" | "today" | "outbox" | "settings";

/**
 * A setting with its origin.
 */
export type SettingRow = {
/**
 * Its dotted name.
 */
name: string,
/**
 * Its value as JSON text.
 */
value: string,
/**
 * Where it comes from: `managed`, `flag`, `environment`, `.env`, `config.toml`, `server`,
 * `default` and the like.
 */
origin: string,
/**
 * The variable, where the environment sets it.
 */
variable: string | null, };

/**
 * What serves a signal.
 */
export type SignalView = {
/**
 * `focus`, `idle`, `session` or `screen`.
 */
name: string,
/**
 * `ok`, `degraded`, `unavailable` or `denied`.
 */
state: string,
/**
 * The backend that serves it.
 */
backend: string | null,
/**
 * When it last delivered something; RFC 3339.
 */
last_seen: string | null,
/**
 * What is missing and how to get it.
 */
detail: string | null, };

/**
 * A window that had the focus.
 */
export type Span = {
/**
 * The application.
 */
app: string,
/**
 * The title as it was reported; `null` where the policy strips it.
 */
title: string | null,
/**
 * When it got the focus; RFC 3339.
 */
start: string,
/**
 * When it lost it; RFC 3339.
 */
end: string,
/**
 * How long, by a monotonic clock, in seconds.
 */
seconds: number,
/**
 * Whether the server has it.
 */
is_delivered: boolean,
/**
 * Whether it still has the focus.
 */
is_open: boolean, };

/**
 * A stage of the pipeline.
 */
export type Stage = {
/**
 * Which one.
 */
name: StageName,
/**
 * How it does.
 */
state: StageState,
/**
 * When it last moved; RFC 3339.
 */
moved_at: string | null,
/**
 * How many events went through it since the log began, or wait in it for `Queued`.
 */
count: number,
/**
 * One sentence, where there is something to say.
 */
detail: string | null, };

/**
 * The stages, in the order of an event's way.
 */
export type StageName = "captured" | "stored" | "sent" | "acknowledged";

/**
 * How a stage does.
 */
export type StageState = "moving" | "resting" | "late" | "blocked";

/**
 * The icon and the first line. Both the tray and the window show it.
 */
export type Standing = {
/**
 * Which icon.
 */
icon: Icon,
/**
 * A few words, such as `Working` or `The server cannot be reached`.
 */
headline: string,
/**
 * One sentence of cause without a full stop; `null` where all is well.
 */
cause: string | null,
/**
 * What to do, in words; `null` where nothing has to be done.
 */
remedy: string | null,
/**
 * What the button beside it does; `null` where there is none.
 */
action: Action | null, };

/**
 * How a synchronisation ended.
 */
export type SyncEnd = { "kind": "drained",
/**
 * Events delivered.
 */
sent: number, } | { "kind": "timed_out",
/**
 * Events delivered.
 */
sent: number,
/**
 * Events that still wait.
 */
pending: number,
/**
 * What stood in the way.
 */
in_the_way: string | null, } | { "kind": "revoked",
/**
 * Events that still wait.
 */
pending: number, } | { "kind": "stopped",
/**
 * Events delivered until then.
 */
sent: number, };

/**
 * How far a synchronisation has got.
 */
export type SyncReport = {
/**
 * Events delivered since it was asked for.
 */
sent: number,
/**
 * Events that still wait.
 */
pending: number,
/**
 * What stands in the way at present.
 */
last_error: string | null, };

/**
 * A day as it was captured, of the local calendar.
 */
export type Today = {
/**
 * The day, `2026-11-22`.
 */
date: string,
/**
 * Its first moment; RFC 3339.
 */
from: string,
/**
 * Its last moment, or now; RFC 3339.
 */
to: string,
/**
 * Windows that had the focus, earliest first.
 */
spans: Array<Span>,
/**
 * When the person was idle, away, paused, earliest first.
 */
bands: Array<Band>,
/**
 * Time by application, most first.
 */
applications: Array<ApplicationTime>,
/**
 * Images taken, earliest first.
 */
images: Array<TodayImage>,
/**
 * Seconds with a window in focus and the person neither idle nor away.
 */
active_s: number,
/**
 * Seconds without input.
 */
idle_s: number,
/**
 * Seconds locked.
 */
locked_s: number,
/**
 * Whether history older than this moment was given up already; RFC 3339.
 */
known_from: string | null, };

/**
 * An image of the day.
 */
export type TodayImage = {
/**
 * When; RFC 3339.
 */
at: string,
/**
 * Its event.
 */
event_id: string,
/**
 * Its hash.
 */
sha256: string, };

/**
 * One look at the pipeline, about a minute from the next.
 */
export type TrendPoint = {
/**
 * When; RFC 3339.
 */
at: string,
/**
 * Events that waited.
 */
pending: number,
/**
 * Events delivered since the log began.
 */
sent: number,
/**
 * Events captured since the log began.
 */
captured: number, };

/**
 * One thing of which more would be captured.
 */
export type Widened = {
/**
 * What it is about.
 */
aspect: WidenedAspect,
/**
 * As it is, a sentence each.
 */
before: Array<string>,
/**
 * As it would be, a sentence each.
 */
after: Array<string>, };

/**
 * What would be widened.
 */
export type WidenedAspect = "windows" | "rules" | "screenshots";

/**
 * What the wizard begins with.
 */
export type Wizard = {
/**
 * What can be captured, before anything is agreed with a server.
 */
disclosure: DisclosureText,
/**
 * The server that the administrator set; the person is not asked for one then.
 */
preset_server: string | null,
/**
 * Whether the administrator left a secret for this computer.
 */
has_preset_secret: boolean,
/**
 * Why the administrator's file is not used.
 */
preset_problem: Problem | null,
/**
 * The server from the settings, as a proposal.
 */
server_url: string | null,
/**
 * The login name, as a proposal.
 */
username: string | null,
/**
 * Whether the device is enrolled already, so that only consent is missing.
 */
is_enrolled: boolean,
/**
 * The enrollment that was revoked, and that another one would replace.
 */
former: FormerEnrollment | null, };
