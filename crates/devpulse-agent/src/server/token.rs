//! Access tokens: kept in memory only, and got by one task at a time.

use std::time::Duration;

use devpulse_pipeline::Outcome;
use devpulse_protocol::{AccessToken, TokenResponse};
use tokio::sync::Mutex;
use tokio::time::Instant;

/// When a token that could not be renewed in time, but still holds, is tried again.
const RENEWAL_PAUSE: Duration = Duration::from_secs(30);
/// No server means a longer life than this.
const LONGEST_LIFE: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// The token in use, if there is one.
#[derive(Debug, Default)]
pub(crate) struct TokenHolder {
    held: Mutex<Option<Held>>,
}

#[derive(Debug)]
struct Held {
    token: AccessToken,
    renew_at: Instant,
    ends_at: Instant,
}

impl TokenHolder {
    /// A token that holds: the one in use, or after 80 % of its life one that `ask`
    /// gets. Whoever asks meanwhile waits for the same one.
    pub(crate) async fn get(
        &self,
        ask: impl Future<Output = Outcome>,
    ) -> Result<AccessToken, Outcome> {
        let mut held = self.held.lock().await;
        if let Some(current) = held.as_ref().filter(|held| Instant::now() < held.renew_at) {
            return Ok(current.token.clone());
        }
        match renewed(ask.await) {
            Ok(renewed) => Ok(held.insert(renewed).token.clone()),
            Err(outcome) => {
                let now = Instant::now();
                match held.as_mut().filter(|held| now < held.ends_at) {
                    Some(current) => {
                        current.renew_at = current.ends_at.min(now + RENEWAL_PAUSE);
                        Ok(current.token.clone())
                    }
                    None => Err(outcome),
                }
            }
        }
    }

    /// A token that `ask` gets, in place of the one in use.
    pub(crate) async fn renew(
        &self,
        ask: impl Future<Output = Outcome>,
    ) -> Result<AccessToken, Outcome> {
        let mut held = self.held.lock().await;
        let renewed = renewed(ask.await)?;
        Ok(held.insert(renewed).token.clone())
    }

    /// Another token than `refused`, which the server no longer takes: the one that
    /// another task got meanwhile, or one that `ask` gets.
    pub(crate) async fn replace(
        &self,
        refused: &AccessToken,
        ask: impl Future<Output = Outcome>,
    ) -> Result<AccessToken, Outcome> {
        let mut held = self.held.lock().await;
        if let Some(current) = held.as_ref().filter(|held| held.token != *refused) {
            return Ok(current.token.clone());
        }
        *held = None;
        let renewed = renewed(ask.await)?;
        Ok(held.insert(renewed).token.clone())
    }
}

/// Whether an answer holds a token.
pub(crate) fn is_granted(outcome: &Outcome) -> bool {
    read(outcome).is_some()
}

/// Reads a token out of an answer; an answer that holds none comes back.
fn renewed(outcome: Outcome) -> Result<Held, Outcome> {
    read(&outcome).ok_or(outcome)
}

fn read(outcome: &Outcome) -> Option<Held> {
    let response: TokenResponse = serde_json::from_slice(outcome.success()?).ok()?;
    let token = response.access_token;
    let fits_a_header =
        !token.expose().is_empty() && token.expose().bytes().all(|byte| byte.is_ascii_graphic());
    if !fits_a_header || !response.token_type.eq_ignore_ascii_case("bearer") {
        return None;
    }
    let life = Duration::from_secs(response.expires_in).min(LONGEST_LIFE);
    let now = Instant::now();
    Some(Held { token, renew_at: now + life * 4 / 5, ends_at: now + life })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use bytes::Bytes;
    use devpulse_pipeline::{HttpAnswer, TransportFault};

    use super::*;

    fn token(name: &str, expires_in: u64) -> Outcome {
        let body = format!(
            "{{\"access_token\":\"{name}\",\"token_type\":\"Bearer\",\"expires_in\":{expires_in}}}"
        );
        Outcome::Http(HttpAnswer { status: 200, body: Bytes::from(body), ..HttpAnswer::default() })
    }

    fn offline() -> Outcome {
        Outcome::Fault(TransportFault::Unreachable)
    }

    async fn get(holder: &TokenHolder, answer: Outcome) -> Result<String, Outcome> {
        holder.get(async { answer }).await.map(|token| token.expose().to_owned())
    }

    #[tokio::test(start_paused = true)]
    async fn a_token_is_renewed_at_four_fifths_of_its_life() {
        let holder = TokenHolder::default();
        assert_eq!(get(&holder, token("a", 100)).await.unwrap(), "a");
        tokio::time::advance(Duration::from_secs(79)).await;
        assert_eq!(get(&holder, token("b", 100)).await.unwrap(), "a");
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(get(&holder, token("b", 100)).await.unwrap(), "b");
    }

    #[tokio::test(start_paused = true)]
    async fn a_token_that_cannot_be_renewed_is_used_to_its_end() {
        let holder = TokenHolder::default();
        get(&holder, token("a", 100)).await.unwrap();
        tokio::time::advance(Duration::from_secs(85)).await;
        assert_eq!(get(&holder, offline()).await.unwrap(), "a");
        assert_eq!(get(&holder, token("b", 100)).await.unwrap(), "a");
        tokio::time::advance(Duration::from_secs(15)).await;
        assert_eq!(get(&holder, offline()).await, Err(offline()));
    }

    #[tokio::test]
    async fn many_tasks_that_need_a_token_ask_once() {
        let holder = Arc::new(TokenHolder::default());
        let asked = Arc::new(AtomicUsize::new(0));
        let tasks: Vec<_> = (0..20)
            .map(|_| {
                let (holder, asked) = (Arc::clone(&holder), Arc::clone(&asked));
                tokio::spawn(async move {
                    let ask = async {
                        asked.fetch_add(1, Ordering::SeqCst);
                        tokio::task::yield_now().await;
                        token("a", 100)
                    };
                    holder.get(ask).await.unwrap()
                })
            })
            .collect();
        for task in tasks {
            assert_eq!(task.await.unwrap().expose(), "a");
        }
        assert_eq!(asked.load(Ordering::SeqCst), 1);
    }

    #[tokio::test]
    async fn a_refused_token_is_replaced_once_for_all_that_had_it() {
        let holder = TokenHolder::default();
        get(&holder, token("a", 100)).await.unwrap();
        let refused = AccessToken::new("a");
        let first = holder.replace(&refused, async { token("b", 100) }).await.unwrap();
        let second = holder.replace(&refused, async { token("c", 100) }).await.unwrap();
        assert_eq!((first.expose(), second.expose()), ("b", "b"));
        let failed = holder.replace(&first, async { offline() }).await;
        assert_eq!(failed, Err(offline()));
    }

    #[tokio::test]
    async fn an_answer_without_a_usable_token_comes_back_unjudged() {
        let json = |body: &'static str| {
            Outcome::Http(HttpAnswer {
                status: 200,
                body: Bytes::from_static(body.as_bytes()),
                ..HttpAnswer::default()
            })
        };
        for outcome in [
            json("<html>"),
            json("{\"access_token\":\"a\\nb\",\"token_type\":\"Bearer\",\"expires_in\":9}"),
            json("{\"access_token\":\"\",\"token_type\":\"Bearer\",\"expires_in\":9}"),
            json("{\"access_token\":\"a\",\"token_type\":\"mac\",\"expires_in\":9}"),
            Outcome::Http(HttpAnswer { status: 401, ..HttpAnswer::default() }),
        ] {
            assert_eq!(get(&TokenHolder::default(), outcome.clone()).await, Err(outcome));
        }
    }
}
