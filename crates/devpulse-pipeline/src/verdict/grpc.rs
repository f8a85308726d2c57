//! What a gRPC status means.

use crate::retry_after::LONGEST_WAIT;
use crate::uplink::{Call, GrpcAnswer, GrpcCode};
use crate::verdict::{Refusal, Trouble, Verdict, no_receipt, what};
use devpulse_protocol::ProblemCode;

/// Judges a status that is no success, or the success of another call than the one made.
pub(super) fn refusal(call: Call, answer: &GrpcAnswer) -> Verdict {
    let cause = cause(call, answer);
    let retry = |trouble| {
        let not_before = answer.retry_delay.map(|wait| wait.min(LONGEST_WAIT));
        Verdict::Retry { trouble, not_before, cause: cause.clone() }
    };
    let refusal = |status| Refusal { status, code: answer.problem.clone(), cause: cause.clone() };
    let is_token = call == Call::Token;
    match answer.code {
        GrpcCode::Ok => no_receipt(cause),
        _ if answer.is_too_large() && !is_token => Verdict::Halve(refusal(413)),
        GrpcCode::Unauthenticated => Verdict::AuthBlocked { cause },
        GrpcCode::PermissionDenied if answer.problem == Some(ProblemCode::DeviceRevoked) => {
            Verdict::Revoked { cause }
        }
        GrpcCode::PermissionDenied => Verdict::AuthBlocked { cause },
        GrpcCode::NotFound | GrpcCode::FailedPrecondition | GrpcCode::Unimplemented => {
            Verdict::ConfigBlocked { cause }
        }
        GrpcCode::AlreadyExists if call == Call::Batch => Verdict::Rename { cause },
        GrpcCode::InvalidArgument | GrpcCode::OutOfRange | GrpcCode::AlreadyExists if is_token => {
            Verdict::ConfigBlocked { cause }
        }
        GrpcCode::InvalidArgument | GrpcCode::OutOfRange | GrpcCode::AlreadyExists => {
            Verdict::Bisect(refusal(answer.code.http_status()))
        }
        GrpcCode::Cancelled
        | GrpcCode::DeadlineExceeded
        | GrpcCode::ResourceExhausted
        | GrpcCode::Aborted
        | GrpcCode::Unavailable => retry(Trouble::Busy),
        GrpcCode::Unknown | GrpcCode::Internal | GrpcCode::DataLoss => retry(Trouble::Failed),
    }
}

fn cause(call: Call, answer: &GrpcAnswer) -> String {
    let said = format!("the server answered {} with {}", what(call), answer.code);
    match (&answer.problem, answer.message.is_empty()) {
        (Some(code), false) => format!("{said} {code}: {}", answer.message),
        (Some(code), true) => format!("{said} {code}"),
        (None, false) => format!("{said}: {}", answer.message),
        (None, true) => said,
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use bytes::Bytes;
    use devpulse_protocol::{BatchId, EventId};

    use super::*;
    use crate::uplink::{Answer, Outcome};
    use crate::verdict::{ReceiptMode, of_batch, of_image};

    fn judge(call: Call, answer: GrpcAnswer) -> Verdict {
        let answer = Answer { call, outcome: Outcome::Grpc(answer) };
        of_batch(
            &answer,
            BatchId::new(),
            &[EventId::new()],
            ReceiptMode::Receipt,
            SystemTime::UNIX_EPOCH,
        )
    }

    fn said(code: GrpcCode, message: &str) -> GrpcAnswer {
        GrpcAnswer { code, message: message.into(), ..GrpcAnswer::default() }
    }

    #[test]
    fn every_code_has_the_verdict_of_the_table() {
        for (number, code) in GrpcCode::ALL.into_iter().enumerate() {
            assert_eq!(GrpcCode::from_number(i32::try_from(number).unwrap()), code);
            let verdict = judge(Call::Batch, said(code, ""));
            let expected = match number {
                0 => matches!(verdict, Verdict::Retry { trouble: Trouble::NoReceipt, .. }),
                16 | 7 => matches!(verdict, Verdict::AuthBlocked { .. }),
                12 | 5 | 9 => matches!(verdict, Verdict::ConfigBlocked { .. }),
                6 => matches!(verdict, Verdict::Rename { .. }),
                3 | 11 => matches!(verdict, Verdict::Bisect(_)),
                2 | 13 | 15 => matches!(verdict, Verdict::Retry { trouble: Trouble::Failed, .. }),
                1 | 4 | 8 | 10 | 14 => {
                    matches!(verdict, Verdict::Retry { trouble: Trouble::Busy, .. })
                }
                _ => false,
            };
            assert!(expected, "{code} is {verdict:?}");
        }
        assert_eq!(GrpcCode::from_number(17), GrpcCode::Unknown);
    }

    #[test]
    fn a_message_that_is_too_large_is_halved_whoever_says_so_and_however() {
        for message in [
            "grpc: received message larger than max (5242880 vs. 4194304)",
            "Error, decoded message length too large: found 5 bytes, the limit is: 4 bytes",
            "gRPC message exceeds maximum size 4194304: 5242880",
            "Received message exceeds the maximum configured message size.",
        ] {
            for code in [GrpcCode::ResourceExhausted, GrpcCode::OutOfRange] {
                let verdict = judge(Call::Batch, said(code, message));
                assert!(matches!(&verdict, Verdict::Halve(refusal) if refusal.status == 413));
                let verdict = judge(Call::Token, said(code, message));
                assert!(!matches!(verdict, Verdict::Halve(_)), "{verdict:?}");
            }
        }
        let named = GrpcAnswer {
            problem: Some(ProblemCode::TooLarge),
            ..said(GrpcCode::ResourceExhausted, "no")
        };
        assert!(matches!(judge(Call::Batch, named), Verdict::Halve(_)));
    }

    #[test]
    fn a_server_that_asks_for_a_wait_is_obeyed_for_an_hour_at_the_most() {
        for (asked, expected) in [(17, 17), (90_000, 3600)] {
            let answer = GrpcAnswer {
                retry_delay: Some(Duration::from_secs(asked)),
                ..said(GrpcCode::ResourceExhausted, "quota")
            };
            let verdict = judge(Call::Batch, answer);
            let expected = Some(Duration::from_secs(expected));
            assert!(matches!(verdict, Verdict::Retry { not_before, .. } if not_before == expected));
        }
    }

    #[test]
    fn revoked_is_told_from_forbidden_by_its_code() {
        for call in [Call::Token, Call::Batch, Call::Image] {
            let answer = GrpcAnswer {
                problem: Some(ProblemCode::DeviceRevoked),
                ..said(GrpcCode::PermissionDenied, "gone")
            };
            let Verdict::Revoked { cause } = judge(call, answer) else { panic!("not revoked") };
            assert!(cause.ends_with("with PERMISSION_DENIED device_revoked: gone"), "{cause}");
        }
    }

    #[test]
    fn trouble_with_the_token_never_condemns_an_event() {
        for code in GrpcCode::ALL {
            let verdict = judge(Call::Token, said(code, "message larger than max"));
            let harmless = !matches!(
                verdict,
                Verdict::Bisect(_)
                    | Verdict::Halve(_)
                    | Verdict::Rename { .. }
                    | Verdict::Acknowledged(_)
            );
            assert!(harmless, "{code} is {verdict:?}");
        }
    }

    #[test]
    fn only_a_receipt_that_adds_up_acknowledges() {
        let (batch, events) = (BatchId::new(), [EventId::new()]);
        let judge = |accepted: u64| {
            let reply = format!(r#"{{"batch_id":"{batch}","accepted":{accepted},"duplicates":0}}"#);
            let answer = GrpcAnswer { reply: Bytes::from(reply), ..GrpcAnswer::default() };
            let answer = Answer { call: Call::Batch, outcome: Outcome::Grpc(answer) };
            of_batch(&answer, batch, &events, ReceiptMode::Receipt, SystemTime::UNIX_EPOCH)
        };
        assert!(matches!(judge(1), Verdict::Acknowledged(_)));
        assert!(matches!(judge(2), Verdict::Retry { trouble: Trouble::NoReceipt, .. }));
    }

    #[test]
    fn an_image_is_stored_when_the_call_went_well() {
        let answer = |code| Answer { call: Call::Image, outcome: Outcome::Grpc(said(code, "")) };
        let now = SystemTime::UNIX_EPOCH;
        assert_eq!(of_image(&answer(GrpcCode::Ok), now), Verdict::Stored);
        assert!(matches!(of_image(&answer(GrpcCode::Unavailable), now), Verdict::Retry { .. }));
    }
}
