//! Which way leads to the server: directly, or through a proxy.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use hyper_util::client::proxy::matcher::Matcher;
use reqwest::{Proxy, Url};

use super::HttpOptions;
use crate::origin::{ProxyUrl, ServerUrl};
use crate::proxy_login::ProxyLogin;

/// Which way leads to a server.
#[derive(Clone, Debug)]
pub(crate) enum Route {
    /// None in between.
    Direct,
    /// A proxy in between.
    Through(Arc<Through>),
}

/// The proxy on the way.
pub(crate) struct Through {
    proxy: ProxyUrl,
    set_by: SetBy,
    /// Learnt where the address bears none.
    login: Mutex<Option<ProxyLogin>>,
}

/// What names the proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SetBy {
    /// The setting.
    Setting,
    /// This variable, which is not DevPulse's own.
    Variable(&'static str),
}

impl Route {
    /// The way to a server by the options and the variables of this process.
    pub(crate) fn to(server: &ServerUrl, options: &HttpOptions) -> Self {
        Self::by(server, options, |name| std::env::var(name).ok())
    }

    fn by(
        server: &ServerUrl,
        options: &HttpOptions,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Self {
        if server.is_loopback() {
            return Self::Direct;
        }
        let named = match &options.proxy {
            Some(proxy) => Some((proxy.clone(), SetBy::Setting)),
            None => usual(server, &variable),
        };
        let Some((proxy, set_by)) = named else { return Self::Direct };
        let usual = || variable("NO_PROXY").or_else(|| variable("no_proxy"));
        let except = options.no_proxy.clone().or_else(usual).unwrap_or_default();
        if is_excepted(server, except) {
            return Self::Direct;
        }
        Self::Through(Arc::new(Through { proxy, set_by, login: Mutex::default() }))
    }

    pub(super) const fn is_through(&self) -> bool {
        matches!(self, Self::Through(_))
    }

    /// What the client has to be told; `None` where the way is direct.
    pub(super) fn proxy(&self) -> Option<Proxy> {
        let Self::Through(through) = self else { return None };
        let through = Arc::clone(through);
        Some(Proxy::custom(move |_| Some(through.with_login())))
    }

    /// The host of a proxy that speaks TLS itself.
    pub(super) fn secure_host(&self) -> Option<&str> {
        match self {
            Self::Through(through) if through.proxy.url().scheme() == "https" => {
                through.proxy.url().host_str()
            }
            _ => None,
        }
    }

    /// Whether the proxy is told a name and a password.
    pub(super) fn has_login(&self) -> bool {
        match self {
            Self::Direct => false,
            Self::Through(through) => through.proxy.has_login() || through.held().is_some(),
        }
    }

    /// Takes the login that the keychain has for the proxy; whether it is another one than
    /// before. One that is in the proxy's address stays.
    pub(crate) async fn learn_login(&self) -> bool {
        let Self::Through(through) = self else { return false };
        if through.proxy.has_login() {
            return false;
        }
        let proxy = through.proxy.clone();
        let asked = tokio::task::spawn_blocking(move || ProxyLogin::load(&proxy)).await;
        match asked {
            Ok(Ok(login)) => {
                let mut held = through.login.lock().unwrap_or_else(PoisonError::into_inner);
                let is_new = login.is_some() && login != *held;
                *held = login;
                is_new
            }
            Ok(Err(error)) => {
                tracing::warn!(%error, "the name and password for the proxy are not at hand");
                false
            }
            Err(_) => false,
        }
    }
}

impl Through {
    pub(crate) const fn proxy(&self) -> &ProxyUrl {
        &self.proxy
    }

    pub(crate) const fn set_by(&self) -> SetBy {
        self.set_by
    }

    fn held(&self) -> Option<ProxyLogin> {
        self.login.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn with_login(&self) -> Url {
        match self.held() {
            Some(login) => login.within(self.proxy.url()),
            None => self.proxy.url().clone(),
        }
    }
}

impl fmt::Debug for Through {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Through({})", self.proxy)
    }
}

impl fmt::Display for SetBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Setting => "the setting proxy",
            Self::Variable(name) => name,
        })
    }
}

/// What the usual variables say, as curl and others read them.
fn usual(
    server: &ServerUrl,
    variable: impl Fn(&str) -> Option<String>,
) -> Option<(ProxyUrl, SetBy)> {
    // A web server puts a header that anybody may send into this variable.
    let is_cgi = variable("REQUEST_METHOD").is_some();
    let names: &[&'static str] = match server.origin().scheme().is_secure() {
        true => &["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"],
        false if is_cgi => &["http_proxy", "ALL_PROXY", "all_proxy"],
        false => &["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"],
    };
    names.iter().find_map(|name| {
        let text = variable(name).filter(|text| !text.trim().is_empty())?;
        let proxy = ProxyUrl::parse(&text).or_else(|| {
            (!text.contains("://")).then(|| ProxyUrl::parse(&format!("http://{text}")))?
        });
        if proxy.is_none() {
            tracing::warn!(variable = name, "it names no proxy of a known kind, and is ignored");
        }
        Some((proxy?, SetBy::Variable(name)))
    })
}

/// Whether the exceptions name the server.
fn is_excepted(server: &ServerUrl, except: String) -> bool {
    let Ok(target) = server.over_http().as_str().parse::<http::Uri>() else { return false };
    // Any proxy will do: only whether it would be gone through is asked.
    let matcher = Matcher::builder().all("http://proxy".to_owned()).no(except).build();
    matcher.intercept(&target).is_none()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::origin::PlainHttp;

    fn server(text: &str) -> ServerUrl {
        ServerUrl::parse(text, PlainHttp::Anywhere).unwrap()
    }

    fn way(url: &str, proxy: Option<&str>, variables: &[(&str, &str)]) -> Option<(String, SetBy)> {
        let options = HttpOptions {
            proxy: proxy.map(|proxy| ProxyUrl::parse(proxy).unwrap()),
            ..HttpOptions::default()
        };
        let variable = |name: &str| {
            let found = variables.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        };
        match Route::by(&server(url), &options, variable) {
            Route::Direct => None,
            Route::Through(through) => Some((through.proxy().to_string(), through.set_by())),
        }
    }

    fn by_variable(url: &str, variables: &[(&str, &str)]) -> Option<(String, SetBy)> {
        way(url, None, variables)
    }

    #[test]
    fn the_setting_stands_above_the_variables_and_each_scheme_has_its_own() {
        let variables =
            [("https_proxy", "http://s:1"), ("HTTP_PROXY", "p:2"), ("ALL_PROXY", "socks5://a:3")];
        let found = |proxy: &str, set_by| Some((proxy.to_owned(), set_by));
        for url in ["https://a.example", "grpcs://a.example"] {
            assert_eq!(
                by_variable(url, &variables),
                found("http://s:1", SetBy::Variable("https_proxy"))
            );
            assert_eq!(
                way(url, Some("socks5h://me:pw@x:9"), &variables),
                found("socks5h://me:***@x:9", SetBy::Setting)
            );
            assert_eq!(
                by_variable(url, &variables[2..]),
                found("socks5://a:3", SetBy::Variable("ALL_PROXY"))
            );
        }
        assert_eq!(
            by_variable("http://a.example", &variables),
            found("http://p:2", SetBy::Variable("HTTP_PROXY"))
        );
        let cgi = [variables[1], ("REQUEST_METHOD", "GET")];
        assert_eq!(by_variable("http://a.example", &cgi), None);
        let odd = [("HTTPS_PROXY", "gopher://a"), ("ALL_PROXY", "http://b")];
        assert_eq!(
            by_variable("https://a.example", &odd),
            found("http://b", SetBy::Variable("ALL_PROXY"))
        );
        assert_eq!(by_variable("https://a.example", &[]), None);
    }

    #[test]
    fn exceptions_are_names_addresses_and_networks() {
        for (except, url, is_direct) in [
            ("a.example", "https://a.example", true),
            ("a.example", "https://b.a.example:8443", true),
            (".a.example", "https://b.a.example", true),
            ("a.example", "https://nota.example", false),
            ("b.example, 10.0.0.0/8", "https://10.1.2.3", true),
            ("10.0.0.0/8", "https://11.1.2.3", false),
            ("192.0.2.7", "grpcs://192.0.2.7", true),
            ("2001:db8::/32", "https://[2001:db8::1]", true),
            ("2001:db8::/32", "https://[2001:db9::1]", false),
            ("*", "https://a.example", true),
            ("", "https://a.example", false),
        ] {
            for name in ["NO_PROXY", "no_proxy"] {
                let variables = [("HTTPS_PROXY", "http://p:1"), (name, except)];
                assert_eq!(by_variable(url, &variables).is_none(), is_direct, "{except} {url}");
                let found = way(url, Some("http://p:1"), &variables[1..]);
                assert_eq!(found.is_none(), is_direct, "{except} {url}");
            }
        }
        let options = HttpOptions {
            proxy: ProxyUrl::parse("http://p:1"),
            no_proxy: Some("a.example".to_owned()),
            ..HttpOptions::default()
        };
        let by_setting = |url| Route::by(&server(url), &options, |_| Some("*".to_owned()));
        assert!(matches!(by_setting("https://a.example"), Route::Direct));
        assert!(matches!(by_setting("https://b.example"), Route::Through(_)));
    }

    #[test]
    fn this_machine_is_always_reached_directly() {
        for url in ["https://localhost", "http://127.0.0.1:8420", "grpcs://[::1]:8420"] {
            assert_eq!(way(url, Some("http://p:1"), &[("ALL_PROXY", "http://p:1")]), None);
        }
    }
}
