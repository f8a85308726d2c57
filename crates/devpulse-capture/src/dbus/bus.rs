//! A connection to a message bus whose waits end.

use std::time::Duration;

use futures_util::StreamExt as _;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::timeout;
use zbus::message::{Flags, Message, Type};
use zbus::zvariant::{DynamicType, OwnedValue, Type as Signature};
use zbus::{Connection, MessageStream};

use crate::hook::HookError;

/// Whoever does not answer for this long does not answer.
const PATIENCE: Duration = Duration::from_secs(4);

const BUS: &str = "org.freedesktop.DBus";
const BUS_PATH: &str = "/org/freedesktop/DBus";

/// A connection to a message bus.
pub(super) struct Bus {
    name: &'static str,
    connection: Connection,
    messages: MessageStream,
}

/// Why a call got no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum CallError {
    /// The bus or the one who was called refused.
    #[error(transparent)]
    Bus(#[from] zbus::Error),
    /// The answer is not what was asked for.
    #[error("the answer makes no sense")]
    Answer(#[from] zbus::zvariant::Error),
    /// Nobody answered.
    #[error("no answer within {} seconds", .0.as_secs())]
    Late(Duration),
}

/// One object of a peer, by one of its interfaces.
#[derive(Clone, Copy)]
pub(super) struct Object<'a> {
    pub(super) peer: &'a str,
    pub(super) path: &'a str,
    pub(super) interface: &'a str,
}

impl Bus {
    /// Connects within a few seconds, inside a tokio runtime.
    pub(super) async fn connect(name: &'static str, address: &str) -> Result<Self, CallError> {
        let builder = zbus::connection::Builder::address(address)?.method_timeout(PATIENCE);
        let connection =
            timeout(PATIENCE, builder.build()).await.map_err(|_| CallError::Late(PATIENCE))??;
        let messages = MessageStream::from(&connection);
        Ok(Self { name, connection, messages })
    }

    /// Has the signals delivered that the rule names.
    pub(super) async fn subscribe(&self, rule: &str) -> Result<(), CallError> {
        self.ask_bus("AddMatch", &rule).await
    }

    /// The connection that owns the name now.
    pub(super) async fn owner(&self, name: &str) -> Option<String> {
        self.ask_bus("GetNameOwner", &name).await.ok()
    }

    /// Calls a method.
    pub(super) async fn call<B, R>(
        &self,
        object: Object<'_>,
        method: &str,
        body: &B,
    ) -> Result<R, CallError>
    where
        B: Serialize + DynamicType,
        R: DeserializeOwned + Signature,
    {
        let Object { peer, path, interface } = object;
        let reply =
            self.connection.call_method(Some(peer), path, Some(interface), method, body).await?;
        Ok(reply.body().deserialize()?)
    }

    /// Reads a property.
    pub(super) async fn property(
        &self,
        object: Object<'_>,
        property: &str,
    ) -> Result<OwnedValue, CallError> {
        let properties = Object { interface: "org.freedesktop.DBus.Properties", ..object };
        self.call(properties, "Get", &(object.interface, property)).await
    }

    /// What the bus calls this connection.
    pub(super) fn unique_name(&self) -> String {
        self.connection.unique_name().map(ToString::to_string).unwrap_or_default()
    }

    /// The next signal or call. Loses nothing when dropped.
    ///
    /// # Errors
    /// Fails once the bus is gone.
    pub(super) async fn next_message(&mut self) -> Result<Message, HookError> {
        loop {
            let message = self.next().await?;
            if matches!(message.message_type(), Type::Signal | Type::MethodCall) {
                return Ok(message);
            }
        }
    }

    /// Tells the caller that its call was heard, where it is one that waits for that.
    pub(super) async fn acknowledge(&self, call: &Message) -> Result<(), HookError> {
        if call.message_type() != Type::MethodCall
            || call.primary_header().flags().contains(Flags::NoReplyExpected)
        {
            return Ok(());
        }
        self.connection
            .reply(&call.header(), &())
            .await
            .map_err(|error| HookError::with_source(format!("{} is gone", self.name), error))
    }

    /// The next signal. Loses nothing when dropped.
    ///
    /// # Errors
    /// Fails once the bus is gone.
    pub(super) async fn next_signal(&mut self) -> Result<Message, HookError> {
        loop {
            let message = self.next().await?;
            if message.message_type() == Type::Signal {
                return Ok(message);
            }
        }
    }

    async fn next(&mut self) -> Result<Message, HookError> {
        match self.messages.next().await {
            Some(Ok(message)) => Ok(message),
            Some(Err(error)) => {
                Err(HookError::with_source(format!("{} is gone", self.name), error))
            }
            None => Err(HookError::new(format!("{} is gone", self.name))),
        }
    }

    async fn ask_bus<B, R>(&self, method: &str, body: &B) -> Result<R, CallError>
    where
        B: Serialize + DynamicType,
        R: DeserializeOwned + Signature,
    {
        self.call(Object { peer: BUS, path: BUS_PATH, interface: BUS }, method, body).await
    }
}
