//! `proxy`: the name and the password for the proxy, in the keychain.

use std::path::PathBuf;

use devpulse_agent::credentials::SecretStoreError;
use devpulse_agent::origin::ProxyUrl;
use devpulse_agent::printable::printable;
use devpulse_agent::proxy_login::{ProxyLogin, proxy_in_use};

use crate::cli::{Proxy, ProxyLogin as Login};
use crate::commands::secret_file;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output::Output;
use crate::session::Session;

pub(super) fn proxy(home: Option<PathBuf>, command: &Proxy) -> Result<(), Failure> {
    let session = Session::open(home, Vec::new())?;
    let Some(proxy) = proxy_in_use(&session.settings) else {
        return Err(Failure::new(Exit::Failed, "the server is reached without a proxy")
            .with_hint("name the proxy with DEVPULSE_PROXY, or with proxy in config.toml"));
    };
    let told = match command {
        Proxy::Login(arguments) => login(&proxy, arguments)?,
        Proxy::Logout(_) => {
            ProxyLogin::forget(&proxy).map_err(|error| failure(&error))?;
            format!("the keychain holds no login for {} any more", shown(&proxy))
        }
    };
    let mut output = Output::stdout();
    output.line(&told)?;
    Ok(output.flush()?)
}

fn login(proxy: &ProxyUrl, arguments: &Login) -> Result<String, Failure> {
    let mut password = secret_file::read(&arguments.password_file, "the password")?;
    password.truncate(password.trim_end_matches(['\r', '\n']).len());
    if password.is_empty() || arguments.username.is_empty() {
        return Err(Failure::new(Exit::Usage, "the name or the password is empty"));
    }
    let login = ProxyLogin::new(arguments.username.clone(), password);
    login.store(proxy).map_err(|error| failure(&error))?;
    let above =
        if proxy.has_login() { "; the ones in the proxy's address stand above them" } else { "" };
    Ok(format!("the keychain holds the name and the password for {}{above}", shown(proxy)))
}

fn shown(proxy: &ProxyUrl) -> String {
    printable(&proxy.to_string()).into_owned()
}

fn failure(error: &SecretStoreError) -> Failure {
    Failure::from_error(Exit::Failed, error).with_hint(
        "unlock the keychain; without one, write them into the proxy's address in config.toml, \
         as in http://NAME:PASSWORD@HOST:PORT, and close that file to others with chmod 600",
    )
}
