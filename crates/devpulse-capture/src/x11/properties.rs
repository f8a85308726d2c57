//! What windows say of themselves.

use x11rb::connection::RequestConnection;
use x11rb::cookie::Cookie;
use x11rb::errors::ReplyError;
use x11rb::protocol::res::{self, ClientIdMask, ClientIdSpec};
use x11rb::protocol::xproto::{Atom, AtomEnum, ConnectionExt as _, GetPropertyReply, Window};

use super::connection::{Connection, Xorg, gone};
use crate::hook::{HookError, WindowFacts};

x11rb::atom_manager! {
    /// The names of the properties that are read.
    pub(super) Atoms: AtomsCookie {
        _NET_ACTIVE_WINDOW,
        _NET_SUPPORTING_WM_CHECK,
        _NET_WM_NAME,
        _NET_WM_PID,
        _NET_WM_WINDOW_OPACITY,
        COMPOUND_TEXT,
        UTF8_STRING,
        WM_CLIENT_MACHINE,
    }
}

/// Longest text that is read of a property, in units of four bytes.
const MAX_TEXT: u32 = 4096;

/// Reads properties, a window in one round trip.
pub(super) struct Properties {
    pub(super) atoms: Atoms,
    hostname: Vec<u8>,
    /// Whether the server tells which process owns a window.
    tells_pids: bool,
}

/// The reply, or nothing where the window is gone or the request makes no sense for it.
pub(super) fn reply<R>(result: Result<R, ReplyError>) -> Result<Option<R>, HookError> {
    match result {
        Ok(reply) => Ok(Some(reply)),
        Err(ReplyError::X11Error(_)) => Ok(None),
        Err(ReplyError::ConnectionError(error)) => Err(gone(error)),
    }
}

impl Properties {
    pub(super) fn new(connection: &Connection) -> Result<Self, HookError> {
        let x = &*connection.x;
        let atoms = Atoms::new(x).map_err(gone)?;
        let tells_pids = match x.extension_information(res::X11_EXTENSION_NAME).map_err(gone)? {
            None => false,
            Some(_) => {
                let version = res::query_version(x, 1, 2).map_err(gone)?;
                reply(version.reply())?
                    .is_some_and(|version| (version.server_major, version.server_minor) >= (1, 2))
            }
        };
        let atoms =
            reply(atoms.reply())?.ok_or_else(|| HookError::new("the X display has no atoms"))?;
        let hostname = gethostname::gethostname().into_encoded_bytes();
        Ok(Self { atoms, hostname, tells_pids })
    }

    /// The window's facts; `None` where it is gone.
    pub(super) fn facts(&self, x: &Xorg, window: Window) -> Result<Option<WindowFacts>, HookError> {
        let atoms = &self.atoms;
        let net_name = text(x, window, atoms._NET_WM_NAME)?;
        let name = text(x, window, AtomEnum::WM_NAME.into())?;
        let class = text(x, window, AtomEnum::WM_CLASS.into())?;
        let net_pid = text(x, window, atoms._NET_WM_PID)?;
        let machine = text(x, window, atoms.WM_CLIENT_MACHINE)?;
        let owner = if self.tells_pids { Some(owner(x, window)?) } else { None };

        let net_name = reply(net_name.reply())?;
        let name = reply(name.reply())?;
        let class = reply(class.reply())?;
        let net_pid = reply(net_pid.reply())?;
        let machine = reply(machine.reply())?;
        let owner = match owner {
            Some(cookie) => reply(cookie.reply())?,
            None => None,
        };
        let (Some(net_name), Some(name), Some(class)) = (net_name, name, class) else {
            return Ok(None);
        };
        let here = machine.is_some_and(|machine| machine.value == self.hostname);
        let pid = owner
            .and_then(|owner| owner.ids.first().and_then(|id| id.value.first().copied()))
            .or_else(|| here.then(|| net_pid?.value32()?.next()).flatten())
            .filter(|pid| *pid != 0);
        let title = self.decode(&net_name).or_else(|| self.decode(&name));
        Ok(Some(WindowFacts { window: u64::from(window), title, app_name: app_name(&class), pid }))
    }

    /// Whether a property's change changes the facts.
    pub(super) fn concerns_facts(&self, atom: Atom) -> bool {
        atom == self.atoms._NET_WM_NAME
            || atom == Atom::from(AtomEnum::WM_NAME)
            || atom == Atom::from(AtomEnum::WM_CLASS)
    }

    fn decode(&self, property: &GetPropertyReply) -> Option<String> {
        if property.format != 8 || property.value.is_empty() {
            return None;
        }
        let text = if property.type_ == self.atoms.UTF8_STRING {
            String::from_utf8_lossy(&property.value).into_owned()
        } else if property.type_ == self.atoms.COMPOUND_TEXT {
            compound_text(&property.value)
        } else {
            latin1(&property.value)
        };
        let text = text.trim_end_matches('\0');
        (!text.is_empty()).then(|| text.to_owned())
    }
}

/// The class of a `WM_CLASS`, else its instance.
pub(super) fn app_name(property: &GetPropertyReply) -> Option<String> {
    if property.format != 8 {
        return None;
    }
    let mut parts = property.value.split(|byte| *byte == 0).filter(|part| !part.is_empty());
    let instance = parts.next()?;
    let name = parts.next().unwrap_or(instance);
    Some(std::str::from_utf8(name).map_or_else(|_| latin1(name), str::to_owned))
}

pub(super) fn text(
    x: &Xorg,
    window: Window,
    property: Atom,
) -> Result<Cookie<'_, Xorg, GetPropertyReply>, HookError> {
    x.get_property(false, window, property, AtomEnum::ANY, 0, MAX_TEXT).map_err(gone)
}

fn owner(
    x: &Xorg,
    window: Window,
) -> Result<Cookie<'_, Xorg, res::QueryClientIdsReply>, HookError> {
    let spec = ClientIdSpec { client: window, mask: ClientIdMask::LOCAL_CLIENT_PID };
    res::query_client_ids(x, &[spec]).map_err(gone)
}

fn latin1(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(*byte)).collect()
}

/// Latin-1 with escapes. Sections in UTF-8 are read; other character sets show as the
/// replacement character, because hardly any program writes them without `_NET_WM_NAME`.
fn compound_text(mut bytes: &[u8]) -> String {
    const UTF8: &[u8] = b"\x1b%G";
    const BACK: &[u8] = b"\x1b%@";
    const LATIN1: &[u8] = b"\x1b-A";
    let mut text = String::new();
    let mut known = true;
    while let Some((first, rest)) = bytes.split_first() {
        if let Some(section) = bytes.strip_prefix(UTF8) {
            let end = section.windows(BACK.len()).position(|window| window == BACK);
            let (section, after) = section.split_at(end.unwrap_or(section.len()));
            text.push_str(&String::from_utf8_lossy(section));
            bytes = after.strip_prefix(BACK).unwrap_or(after);
        } else if *first == 0x1b {
            known = bytes.starts_with(LATIN1);
            let end = rest.iter().position(|byte| (0x30..=0x7e).contains(byte));
            bytes = end.map_or(&[], |end| &rest[end + 1..]);
        } else {
            let replaced = !known && *first >= 0x80;
            text.push(if replaced { char::REPLACEMENT_CHARACTER } else { char::from(*first) });
            bytes = rest;
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compound_text_is_latin1_with_sections_of_utf8() {
        assert_eq!(compound_text(b"caf\xe9"), "caf\u{e9}");
        assert_eq!(
            compound_text("a \x1b%G\u{4f60}\u{597d}\x1b%@ b".as_bytes()),
            "a \u{4f60}\u{597d} b"
        );
        assert_eq!(compound_text(b"\x1b-Acaf\xe9"), "caf\u{e9}");
        assert_eq!(compound_text(b"\x1b$(B\xb0ok"), "\u{fffd}ok");
        assert_eq!(compound_text(b"cut \x1b"), "cut ");
        assert_eq!(compound_text("cut \x1b%G\u{e9}".as_bytes()), "cut \u{e9}");
    }
}
