use bytes::Bytes;

use super::*;
use crate::uplink::{ProxyFault, TlsFault, TransportFault};

fn answered(call: Call, status: u16, content_type: &str, body: &str) -> Answer {
    Answer {
        call,
        outcome: Outcome::Http(HttpAnswer {
            status,
            content_type: Some(content_type.to_owned()),
            body: Bytes::copy_from_slice(body.as_bytes()),
            ..HttpAnswer::default()
        }),
    }
}

fn batch_verdict(answer: &Answer) -> Verdict {
    of_batch(
        answer,
        BatchId::new(),
        &[EventId::new()],
        ReceiptMode::Receipt,
        SystemTime::UNIX_EPOCH,
    )
}

fn of_status(status: u16) -> Verdict {
    batch_verdict(&answered(Call::Batch, status, "text/plain", "x"))
}

#[test]
fn every_status_has_the_verdict_of_the_table() {
    for status in 0..=999_u16 {
        let verdict = of_status(status);
        let expected = match status {
            401 | 403 => matches!(verdict, Verdict::AuthBlocked { .. }),
            300..=399 | 404 | 405 | 407 | 410 | 415 | 426 | 431 | 451 | 501 | 505 => {
                matches!(verdict, Verdict::ConfigBlocked { .. })
            }
            409 => matches!(verdict, Verdict::Rename { .. }),
            411 | 413 => matches!(verdict, Verdict::Halve(_)),
            408 | 425 | 429 | 503 => {
                matches!(verdict, Verdict::Retry { trouble: Trouble::Busy, .. })
            }
            500..=599 => matches!(verdict, Verdict::Retry { trouble: Trouble::Failed, .. }),
            200..=299 => matches!(verdict, Verdict::Retry { trouble: Trouble::NoReceipt, .. }),
            _ => matches!(verdict, Verdict::Bisect(_)),
        };
        assert!(expected, "{status} is {verdict:?}");
    }
}

#[test]
fn only_a_receipt_that_adds_up_acknowledges() {
    let (batch, events) = (BatchId::new(), [EventId::new(), EventId::new()]);
    let judge = |content_type: &str, body: &str| {
        let answer = answered(Call::Batch, 200, content_type, body);
        of_batch(&answer, batch, &events, ReceiptMode::Receipt, SystemTime::UNIX_EPOCH)
    };
    let good = format!(r#"{{"batch_id":"{batch}","accepted":1,"duplicates":1,"rejected":[]}}"#);
    for content_type in ["application/json; charset=utf-8", "", "text/plain"] {
        assert!(matches!(judge(content_type, &good), Verdict::Acknowledged(_)), "{content_type}");
    }

    let short = good.replace("\"accepted\":1", "\"accepted\":0");
    let other = good.replace(&batch.to_string(), &BatchId::new().to_string());
    let cut = &good[..good.len() / 2];
    for (content_type, body) in [
        ("application/json", short.as_str()),
        ("application/json", other.as_str()),
        ("application/json", cut),
        ("application/json", ""),
        ("application/json", "{}"),
        ("text/html", "<html>Welcome to the hotel</html>"),
        ("", "{\"status\":\"ok\"}"),
    ] {
        let verdict = judge(content_type, body);
        let expected = matches!(verdict, Verdict::Retry { trouble: Trouble::NoReceipt, .. });
        assert!(expected, "{body} is {verdict:?}");
    }
}

#[test]
fn a_bare_2xx_acknowledges_only_where_that_was_chosen() {
    let answer = answered(Call::Batch, 204, "", "");
    let judge =
        |mode| of_batch(&answer, BatchId::new(), &[EventId::new()], mode, SystemTime::UNIX_EPOCH);
    assert!(matches!(judge(ReceiptMode::Status), Verdict::Acknowledged(_)));
    assert!(matches!(judge(ReceiptMode::Receipt), Verdict::Retry { .. }));
}

#[test]
fn a_receipt_that_does_not_add_up_is_none_even_where_a_bare_2xx_would_do() {
    let body = format!(r#"{{"batch_id":"{}","accepted":9,"duplicates":0}}"#, BatchId::new());
    let answer = answered(Call::Batch, 200, "application/json", &body);
    let events = [EventId::new()];
    let verdict =
        of_batch(&answer, BatchId::new(), &events, ReceiptMode::Status, SystemTime::UNIX_EPOCH);
    assert!(matches!(verdict, Verdict::Retry { trouble: Trouble::NoReceipt, .. }));
}

#[test]
fn revoked_is_told_from_forbidden_by_its_code() {
    let body = r#"{"title":"Revoked","status":403,"code":"device_revoked"}"#;
    for call in [Call::Token, Call::Batch, Call::Image] {
        let answer = answered(call, 403, Problem::MEDIA_TYPE, body);
        assert!(matches!(batch_verdict(&answer), Verdict::Revoked { .. }));
    }
}

#[test]
fn a_success_of_the_token_call_is_no_acknowledgement() {
    let (batch, events) = (BatchId::new(), [EventId::new()]);
    let body = format!(r#"{{"batch_id":"{batch}","accepted":1,"duplicates":0,"rejected":[]}}"#);
    let answer = answered(Call::Token, 200, "application/json", &body);
    let verdict = of_batch(&answer, batch, &events, ReceiptMode::Receipt, SystemTime::UNIX_EPOCH);
    assert!(matches!(verdict, Verdict::Retry { trouble: Trouble::NoReceipt, .. }));
}

#[test]
fn trouble_with_the_token_never_condemns_an_event() {
    for status in 100..=599 {
        let verdict = batch_verdict(&answered(Call::Token, status, "text/plain", ""));
        let harmless = !matches!(
            verdict,
            Verdict::Bisect(_)
                | Verdict::Halve(_)
                | Verdict::Rename { .. }
                | Verdict::Acknowledged(_)
        );
        assert!(harmless, "{status} is {verdict:?}");
    }
}

#[test]
fn a_server_that_names_a_wait_is_obeyed() {
    for status in [429, 503, 500] {
        let mut answer = answered(Call::Batch, status, "text/plain", "");
        if let Outcome::Http(http) = &mut answer.outcome {
            http.retry_after = Some("17".to_owned());
        }
        let verdict = batch_verdict(&answer);
        assert!(
            matches!(verdict, Verdict::Retry { not_before: Some(wait), .. } if wait.as_secs() == 17),
            "{status} is {verdict:?}"
        );
    }
}

#[test]
fn no_answer_is_a_retry() {
    for fault in [
        TransportFault::NameNotFound,
        TransportFault::Unreachable,
        TransportFault::ConnectTimeout,
        TransportFault::Proxy(ProxyFault::Unreachable),
        TransportFault::Proxy(ProxyFault::Refused),
        TransportFault::Tls(TlsFault::UnknownIssuer),
        TransportFault::Tls(TlsFault::NotYetValid),
        TransportFault::AnswerTimeout,
        TransportFault::Broken,
        TransportFault::TooLong,
    ] {
        let answer = Answer { call: Call::Batch, outcome: Outcome::Fault(fault) };
        let verdict = batch_verdict(&answer);
        assert!(matches!(verdict, Verdict::Retry { trouble: Trouble::Offline, .. }));
    }
}

#[test]
fn what_only_a_person_can_mend_is_no_outage() {
    for fault in [
        TransportFault::Tls(TlsFault::PinMismatch),
        TransportFault::Tls(TlsFault::ClientCertificateRequired),
        TransportFault::Tls(TlsFault::ClientCertificateRefused),
        TransportFault::Proxy(ProxyFault::LoginRequired),
        TransportFault::Proxy(ProxyFault::LoginRefused),
    ] {
        for call in [Call::Token, Call::Batch] {
            let cause = fault.to_string();
            let answer = Answer { call, outcome: Outcome::Fault(fault.clone()) };
            assert_eq!(batch_verdict(&answer), Verdict::ConfigBlocked { cause });
        }
    }
}

#[test]
fn a_sign_in_page_does_not_swallow_an_image() {
    let now = SystemTime::UNIX_EPOCH;
    let page = answered(Call::Image, 200, "text/html", "<html>");
    assert!(matches!(of_image(&page, now), Verdict::Retry { trouble: Trouble::NoReceipt, .. }));
    for status in [200, 201, 204] {
        assert_eq!(
            of_image(&answered(Call::Image, status, "application/json", ""), now),
            Verdict::Stored
        );
    }
}
