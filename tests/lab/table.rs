//! The fault table, row by row: what an answer means, whoever gives it.

use std::time::Duration;

use devpulse_lab::{Fault, FaultProxy, Reply, Spoil, TestServer, Trouble as Before};
use serde_json::Value;

use crate::row::{Row, Trouble, run_all};

fn answered(status: u16, state: &'static str) -> Row {
    let trouble = Trouble::Batches(Fault::answer(Reply::status(status)));
    Row::new(format!("batch {status}"), trouble, state)
}

fn batch(name: &str, fault: Fault, state: &'static str) -> Row {
    Row::new(name, Trouble::Batches(fault), state)
}

fn token(name: &str, reply: Reply, state: &'static str) -> Row {
    Row::new(name, Trouble::Tokens(Fault::answer(reply)), state)
}

#[test]
fn a_server_that_cannot_now_is_asked_again_with_the_same_batch() {
    let mut rows: Vec<Row> = [408, 425, 500, 502, 504, 507, 520, 530, 599]
        .into_iter()
        .map(|status| answered(status, "backing_off"))
        .collect();
    let four_seconds = Duration::from_secs(4);
    let limited = Reply::problem(429, "rate_limited").with("retry-after", "4");
    let dated = Reply::status(503)
        .with("date", "Sun, 22 Nov 2026 09:00:00 GMT")
        .with("retry-after", "Sun, 22 Nov 2026 09:00:04 GMT");
    let nonsense = Reply::status(503).with("retry-after", "-4");
    rows.extend([
        batch("429, Retry-After: 4", Fault::answer(limited), "backing_off")
            .not_before(four_seconds),
        batch("503, Retry-After: a date", Fault::answer(dated), "backing_off")
            .not_before(four_seconds),
        batch("503, Retry-After: nonsense", Fault::answer(nonsense), "backing_off"),
        answered(409, "backing_off").in_other_batches(),
        token("token 503", Reply::status(503), "backing_off"),
        token("token 200, a page", Reply::page(200), "backing_off"),
    ]);
    run_all(&rows);
}

#[test]
fn only_a_receipt_that_adds_up_is_one() {
    let alter = |name: &str, alter: fn(&mut Reply)| {
        batch(name, Fault::After(Spoil::Alter(alter)), "backing_off")
    };
    let replaced =
        |name: &str, reply| batch(name, Fault::After(Spoil::Replace(reply)), "backing_off");
    let gzip = Reply::status(200).with("content-encoding", "gzip").holding("no gzip");
    run_all(&[
        batch("200, a page, server unasked", Fault::answer(Reply::page(200)), "backing_off"),
        replaced("200, a page", Reply::page(200)),
        replaced("200, empty", Reply::status(200).with("content-type", "application/json")),
        replaced("204", Reply::status(204)),
        replaced("200, bad gzip", gzip),
        alter("another batch's receipt", |reply| {
            change(reply, |receipt| {
                receipt["batch_id"] = "01900000-0000-7000-8000-0000000000aa".into();
            });
        }),
        alter("a receipt for one event less", |reply| {
            change(reply, |receipt| {
                receipt["accepted"] = (receipt["accepted"].as_u64().unwrap_or(1) - 1).into();
            });
        }),
        alter("a receipt that rejects an event of another batch", |reply| {
            change(reply, |receipt| {
                receipt["accepted"] = (receipt["accepted"].as_u64().unwrap_or(1) - 1).into();
                receipt["rejected"] = serde_json::json!([{
                    "event_id": "01900000-0000-7000-8000-0000000000aa",
                    "code": "invalid", "message": "no",
                }]);
            });
        }),
        alter("half a receipt", |reply| reply.body.truncate(reply.body.len() / 2)),
    ]);
}

fn change(reply: &mut Reply, change: fn(&mut Value)) {
    let mut receipt = serde_json::from_slice(&reply.body).unwrap_or_default();
    change(&mut receipt);
    reply.body = receipt.to_string().into_bytes();
}

#[test]
fn where_nobody_answers_the_device_is_offline() {
    run_all(&[
        Row::new("refused", Trouble::ShutDoor, "offline"),
        batch("reset before the server has it", Fault::Before(Before::Reset), "offline"),
        batch("reset after the server has it", Fault::After(Spoil::Reset), "offline"),
        batch("broken off", Fault::After(Spoil::Cut), "offline"),
        batch("hanging before the server has it", Fault::Before(Before::Hang), "offline"),
        batch("hanging after the server has it", Fault::After(Spoil::Hang), "offline"),
        batch("trickling", Fault::After(Spoil::Slow(Duration::from_secs(1))), "offline"),
        Row::new("token reset", Trouble::Tokens(Fault::Before(Before::Reset)), "offline"),
    ]);
}

#[test]
fn a_refused_key_or_token_is_a_pause() {
    let refused = |status, code| Fault::answer(Reply::problem(status, code));
    run_all(&[
        batch("batch 401", refused(401, "bad_token"), "auth_blocked"),
        batch("batch 401, bare", Fault::answer(Reply::status(401)), "auth_blocked"),
        batch("batch 403", refused(403, "forbidden"), "auth_blocked"),
        batch("batch 403, bare", Fault::answer(Reply::status(403)), "auth_blocked"),
        token("token 401", Reply::problem(401, "bad_key"), "auth_blocked"),
        token("token 403", Reply::problem(403, "user_suspended"), "auth_blocked"),
        Row::new("the key has ended", Trouble::EndedKey, "auth_blocked"),
    ]);
}

#[test]
fn what_is_not_the_server_is_not_asked_again_soon() {
    let mut rows: Vec<Row> = [304, 404, 405, 407, 410, 415, 426, 431, 451, 501, 505]
        .into_iter()
        .map(|status| answered(status, "config_blocked"))
        .collect();
    rows.extend([
        token("token 404", Reply::status(404), "config_blocked"),
        token("token 400", Reply::problem(400, "invalid"), "config_blocked"),
    ]);
    run_all(&rows);
}

#[test]
fn a_server_that_refuses_everything_loses_nothing() {
    let rows: Vec<Row> = [400, 413, 418, 422]
        .into_iter()
        .map(|status| answered(status, "config_blocked").in_other_batches())
        .collect();
    run_all(&rows);
}

#[test]
fn a_redirect_never_takes_the_token_elsewhere() {
    let server = TestServer::start();
    let elsewhere = FaultProxy::start(server.address());
    let to = |status, location: &str| {
        let reply = Reply::redirect(status, location);
        batch(&format!("{status} to {location}"), Fault::answer(reply), "config_blocked")
    };
    let there = format!("{}/api/v1/events/batch", elsewhere.url());
    let here = "/api/v1/events/batch?again";
    let mut rows: Vec<Row> =
        [301, 302, 303, 307, 308].into_iter().map(|status| to(status, &there)).collect();
    rows.extend([302, 307, 308].into_iter().map(|status| to(status, here)));
    rows.push(token("token 307 to another server", Reply::redirect(307, &there), "config_blocked"));
    run_all(&rows);
    let strayed = elsewhere.records();
    assert!(strayed.is_empty(), "{strayed:?}");
}

#[test]
fn a_revoked_device_keeps_what_it_has_until_it_is_enrolled_again() {
    let revoked = Reply::problem(403, "device_revoked");
    run_all(&[
        Row::new("revoked by the server", Trouble::Revocation, "revoked"),
        batch("batch 403 device_revoked", Fault::answer(revoked.clone()), "revoked"),
        token("token 403 device_revoked", revoked, "revoked"),
    ]);
}
