//! Whether the session's keychain could be asked now, found out without asking it: a
//! request to a locked one would put a dialog before the person.

use std::time::Duration;

/// A keychain that says nothing for so long is taken for hung.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// What the session's keychain is like now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeychainState {
    /// This session can have none.
    NoSession,
    /// None runs, and none would be started by asking.
    NotRunning,
    /// None runs; asking would start it.
    Startable,
    /// It runs and holds nothing, not even a place to put things.
    Empty,
    /// It waits for the person's password.
    Locked,
    /// It answers.
    Unlocked,
    /// It did not answer within 5 s.
    Silent,
    /// The session cannot be asked about it; the text says why.
    Failed(String),
}

/// Looks at the keychain of this session. Takes 5 s at the most, starts nothing, and
/// bothers nobody.
pub async fn keychain_state() -> KeychainState {
    tokio::time::timeout(PATIENCE, system::look()).await.unwrap_or(KeychainState::Silent)
}

#[cfg(target_os = "linux")]
pub(super) use system::SecretService;

#[cfg(target_os = "linux")]
mod system {
    use futures_util::StreamExt as _;
    use zbus::fdo::{DBusProxy, PropertiesProxy};
    use zbus::names::{BusName, InterfaceName};
    use zbus::zvariant::OwnedObjectPath;
    use zbus::{Connection, MatchRule, MessageStream, message};

    use super::{KeychainState, PATIENCE};
    use crate::credentials::keychain::session_has_keychain;

    const NAME: &str = "org.freedesktop.secrets";
    const PATH: &str = "/org/freedesktop/secrets";
    const SERVICE: &str = "org.freedesktop.Secret.Service";
    const COLLECTION: &str = "org.freedesktop.Secret.Collection";

    pub(super) async fn look() -> KeychainState {
        if !session_has_keychain() {
            return KeychainState::NoSession;
        }
        match SecretService::connect().await {
            Ok(service) => service.state().await,
            Err(error) => KeychainState::Failed(error.to_string()),
        }
    }

    /// The session's bus, on which a keychain may appear.
    pub(in crate::credentials) struct SecretService(Connection);

    impl SecretService {
        pub(in crate::credentials) async fn connect() -> zbus::Result<Self> {
            let builder = zbus::connection::Builder::session()?.method_timeout(PATIENCE);
            Ok(Self(builder.build().await?))
        }

        /// What the keychain is like now.
        pub(in crate::credentials) async fn state(&self) -> KeychainState {
            match self.ask().await {
                Ok(state) => state,
                Err(zbus::Error::InputOutput(error))
                    if error.kind() == std::io::ErrorKind::TimedOut =>
                {
                    KeychainState::Silent
                }
                Err(error) => KeychainState::Failed(error.to_string()),
            }
        }

        /// Everything that the keychain says of itself, and its coming and going; the content
        /// means nothing but that it is worth looking again.
        pub(in crate::credentials) async fn changes(
            &self,
        ) -> zbus::Result<impl futures_util::Stream<Item = ()> + Unpin + use<>> {
            let signal = || MatchRule::builder().msg_type(message::Type::Signal);
            let said = signal().path_namespace(PATH)?.build();
            let came_or_went = signal()
                .sender("org.freedesktop.DBus")?
                .member("NameOwnerChanged")?
                .arg(0, NAME)?
                .build();
            let said = MessageStream::for_match_rule(said, &self.0, None).await?;
            let came_or_went = MessageStream::for_match_rule(came_or_went, &self.0, None).await?;
            Ok(futures_util::stream::select(said, came_or_went).map(|_| ()))
        }

        async fn ask(&self) -> zbus::Result<KeychainState> {
            let bus = DBusProxy::new(&self.0).await?;
            if !bus.name_has_owner(BusName::try_from(NAME)?).await? {
                let startable = bus.list_activatable_names().await?;
                let is_startable = startable.iter().any(|name| name.as_str() == NAME);
                return Ok(if is_startable {
                    KeychainState::Startable
                } else {
                    KeychainState::NotRunning
                });
            }
            let answer =
                self.0.call_method(Some(NAME), PATH, Some(SERVICE), "ReadAlias", &"default");
            let collection: OwnedObjectPath = answer.await?.body().deserialize()?;
            if collection.as_str() == "/" {
                return Ok(KeychainState::Empty);
            }
            let properties = PropertiesProxy::new(&self.0, NAME, collection).await?;
            let locked = properties.get(InterfaceName::try_from(COLLECTION)?, "Locked").await?;
            let is_locked = bool::try_from(locked).unwrap_or(true);
            Ok(if is_locked { KeychainState::Locked } else { KeychainState::Unlocked })
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use super::KeychainState;

    /// The keychain of these systems is part of the session and opened with it.
    pub(super) async fn look() -> KeychainState {
        KeychainState::Unlocked
    }
}
