//! Security identifiers: who a user or a group is.

use std::ffi::c_void;
use std::{fmt, io, ptr};

use windows_sys::Win32::Foundation::{CloseHandle, HANDLE, LocalFree};
use windows_sys::Win32::Security::Authorization::ConvertSidToStringSidW;
use windows_sys::Win32::Security::{
    CheckTokenMembership, CopySid, EqualSid, GetLengthSid, GetTokenInformation, IsWellKnownSid,
    PSID, TOKEN_QUERY, TOKEN_USER, TokenUser, WinBuiltinAdministratorsSid, WinCreatorOwnerSid,
    WinLocalSystemSid,
};
use windows_sys::Win32::System::Threading::{GetCurrentProcess, OpenProcessToken};

/// `OWNER RIGHTS`, for which there is no name among the well-known ones that all systems know.
const OWNER_RIGHTS: &str = "S-1-3-4";

/// The service that installs what belongs to Windows.
const TRUSTED_INSTALLER: &str = "S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464";

/// Who a user or a group is.
pub struct Sid(Vec<u8>);

impl Sid {
    /// The user whom this process runs as.
    ///
    /// # Errors
    /// Fails where the system does not say.
    pub fn of_this_user() -> io::Result<Self> {
        let token = Token::of_this_process()?;
        let mut length = 0;
        // SAFETY: without room nothing is written but the length that it takes.
        unsafe { GetTokenInformation(token.0, TokenUser, ptr::null_mut(), 0, &raw mut length) };
        // Words of eight bytes, because a structure with pointers is written there.
        let mut room = vec![0_u64; (length as usize).div_ceil(8).max(1)];
        // SAFETY: the room is as long as it is said to be.
        let read = unsafe {
            let start = room.as_mut_ptr().cast();
            GetTokenInformation(token.0, TokenUser, start, length, &raw mut length)
        };
        if read == 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the call has written a `TOKEN_USER`, whose SID lies in the same room.
        unsafe { Self::copy((*room.as_ptr().cast::<TOKEN_USER>()).User.Sid) }
    }

    /// # Safety
    /// `sid` points to a SID.
    pub(crate) unsafe fn copy(sid: PSID) -> io::Result<Self> {
        // SAFETY: the caller says that it is one.
        let length = unsafe { GetLengthSid(sid) };
        let mut bytes = vec![0; length as usize];
        // SAFETY: there is room for as many bytes as it is long.
        if unsafe { CopySid(length, bytes.as_mut_ptr().cast(), sid) } == 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(Self(bytes))
    }

    /// Whether it is the system itself or the computer's administrators, who get at
    /// everything anyway, or stands for whoever owns the thing.
    #[must_use]
    pub fn is_system_or_owner(&self) -> bool {
        [WinLocalSystemSid, WinBuiltinAdministratorsSid, WinCreatorOwnerSid]
            .into_iter()
            // SAFETY: the bytes are a SID.
            .any(|kind| unsafe { IsWellKnownSid(self.as_ptr(), kind) } != 0)
            || self.to_string() == OWNER_RIGHTS
    }

    /// Whether it is the system itself, the computer's administrators, or what installs Windows.
    #[must_use]
    pub fn is_administration(&self) -> bool {
        [WinLocalSystemSid, WinBuiltinAdministratorsSid]
            .into_iter()
            // SAFETY: the bytes are a SID.
            .any(|kind| unsafe { IsWellKnownSid(self.as_ptr(), kind) } != 0)
            || self.to_string() == TRUSTED_INSTALLER
    }

    /// Whether this process acts as the user, or for the group.
    #[must_use]
    pub fn is_of_this_process(&self) -> bool {
        if Self::of_this_user().is_ok_and(|me| me == *self) {
            return true;
        }
        let mut is_member = 0;
        // SAFETY: the bytes are a SID; no token means that of this process.
        let told =
            unsafe { CheckTokenMembership(ptr::null_mut(), self.as_ptr(), &raw mut is_member) };
        told != 0 && is_member != 0
    }

    fn as_ptr(&self) -> PSID {
        self.0.as_ptr().cast_mut().cast::<c_void>()
    }
}

impl PartialEq for Sid {
    fn eq(&self, other: &Self) -> bool {
        // SAFETY: both are SIDs.
        unsafe { EqualSid(self.as_ptr(), other.as_ptr()) != 0 }
    }
}

impl Eq for Sid {}

/// As in `S-1-5-18`.
impl fmt::Display for Sid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = ptr::null_mut();
        // SAFETY: the bytes are a SID; the text is freed below.
        if unsafe { ConvertSidToStringSidW(self.as_ptr(), &raw mut text) } == 0 {
            return f.write_str("unknown");
        }
        // SAFETY: the call has written a text that ends with a zero.
        let written = unsafe {
            let length = (0..).take_while(|&at| *text.add(at) != 0).count();
            String::from_utf16_lossy(std::slice::from_raw_parts(text, length))
        };
        // SAFETY: the text is the one that the call allocated.
        unsafe { LocalFree(text.cast()) };
        f.write_str(&written)
    }
}

impl fmt::Debug for Sid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

struct Token(HANDLE);

impl Token {
    fn of_this_process() -> io::Result<Self> {
        let mut token = ptr::null_mut();
        // SAFETY: the handle of this process needs no closing; the token is closed when dropped.
        let opened = unsafe { OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &raw mut token) };
        if opened == 0 { Err(io::Error::last_os_error()) } else { Ok(Self(token)) }
    }
}

impl Drop for Token {
    fn drop(&mut self) {
        // SAFETY: it was opened and is not used any more.
        unsafe { CloseHandle(self.0) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_acts_as_its_own_user_who_is_not_the_system() {
        let me = Sid::of_this_user().unwrap();
        assert!(me.to_string().starts_with("S-1-5-"), "{me}");
        assert!(me.is_of_this_process());
        assert_eq!(me, Sid::of_this_user().unwrap());
    }
}
