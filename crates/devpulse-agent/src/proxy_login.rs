//! The name and the password for a proxy, in the operating system's keychain.
//!
//! The command line stores them there; the way to the server asks for them where the proxy
//! does.

use std::fmt;

use reqwest::Url;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::credentials::{SecretStoreError, SystemKeychain};
use crate::http::{HttpOptions, Route};
use crate::origin::{PlainHttp, ProxyUrl, ServerUrl};
use crate::settings::Settings;

const LABEL: &str = "DevPulse proxy password";

/// A name and a password.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProxyLogin {
    username: String,
    password: Zeroizing<String>,
}

impl ProxyLogin {
    /// A login.
    #[must_use]
    pub fn new(username: String, password: String) -> Self {
        Self { username, password: Zeroizing::new(password) }
    }

    /// What the keychain has for a proxy; `None` where it has nothing, or where there is no
    /// keychain.
    ///
    /// # Errors
    /// Fails where the keychain does not answer in time, or refuses.
    pub fn load(proxy: &ProxyUrl) -> Result<Option<Self>, SecretStoreError> {
        let json = match SystemKeychain::new().bytes(&item(proxy), LABEL) {
            Ok(Some(json)) => json,
            Ok(None) | Err(SecretStoreError::Absent) => return Ok(None),
            Err(error) => return Err(error),
        };
        serde_json::from_slice(&json).map(Some).map_err(|_| SecretStoreError::Damaged)
    }

    /// Keeps it in the keychain for a proxy, in place of the one before.
    ///
    /// # Errors
    /// Fails where there is no keychain, or where it does not answer in time or refuses.
    pub fn store(&self, proxy: &ProxyUrl) -> Result<(), SecretStoreError> {
        let json = serde_json::to_vec(self).map_err(|_| SecretStoreError::Damaged)?;
        SystemKeychain::new().put_bytes(&item(proxy), LABEL, Zeroizing::new(json))
    }

    /// Forgets what the keychain has for a proxy.
    ///
    /// # Errors
    /// As [`ProxyLogin::store`].
    pub fn forget(proxy: &ProxyUrl) -> Result<(), SecretStoreError> {
        SystemKeychain::new().remove_bytes(&item(proxy), LABEL)
    }

    /// The proxy's address with the login in it.
    pub(crate) fn within(&self, proxy: &Url) -> Url {
        let mut url = proxy.clone();
        let name = url.set_username(&self.username);
        let password = url.set_password(Some(&self.password));
        match name.and(password) {
            Ok(()) => url,
            Err(()) => proxy.clone(),
        }
    }
}

impl fmt::Debug for ProxyLogin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ProxyLogin(redacted)")
    }
}

/// The proxy through which the server is reached; where no server is known yet, any far one.
#[must_use]
pub fn proxy_in_use(settings: &Settings) -> Option<ProxyUrl> {
    let far = || ServerUrl::parse("https://devpulse.invalid", PlainHttp::LoopbackOnly).ok();
    let server = settings.local().server_url.clone().or_else(far)?;
    match Route::to(&server, &HttpOptions::of(settings.local())) {
        Route::Direct => None,
        Route::Through(through) => Some(through.proxy().clone()),
    }
}

/// The keychain's name for it: a proxy is one for all homes of the person.
fn item(proxy: &ProxyUrl) -> String {
    let url = proxy.url();
    let host = url.host_str().unwrap_or_default();
    let port = url.port_or_known_default().map(|port| format!(":{port}")).unwrap_or_default();
    format!("proxy {}://{host}{port}", url.scheme())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_fits_into_an_address_whatever_is_in_it_and_is_not_shown() {
        let proxy = ProxyUrl::parse("socks5h://proxy.example:1080").unwrap();
        let login = ProxyLogin::new("a@b:c".to_owned(), "p/w?#%".to_owned());
        let url = login.within(proxy.url());
        assert_eq!(url.as_str(), "socks5h://a%40b%3Ac:p%2Fw%3F%23%@proxy.example:1080");
        assert!(!format!("{login:?}").contains("p/w"));
        assert_eq!(item(&proxy), "proxy socks5h://proxy.example:1080");
        assert_eq!(item(&ProxyUrl::parse("http://P").unwrap()), "proxy http://p:80");
    }
}
