//! Finds the addresses of names.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// Asks the system, and says with a type of its own that a name has no address.
/// `localhost` is always this machine, whatever the system says.
#[derive(Clone, Copy, Debug)]
pub(super) struct Resolver;

/// A name has no address.
#[derive(Debug, thiserror::Error)]
#[error("{name} has no address")]
pub(super) struct NameNotFound {
    name: String,
    #[source]
    source: io::Error,
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            if name.as_str().eq_ignore_ascii_case("localhost") {
                let here: [SocketAddr; 2] =
                    [(Ipv4Addr::LOCALHOST, 0).into(), (Ipv6Addr::LOCALHOST, 0).into()];
                return Ok(Box::new(here.into_iter()) as Addrs);
            }
            let found = tokio::net::lookup_host((name.as_str(), 0)).await;
            let found =
                found.map_err(|source| NameNotFound { name: name.as_str().to_owned(), source })?;
            Ok(Box::new(found.collect::<Vec<_>>().into_iter()) as Addrs)
        })
    }
}
