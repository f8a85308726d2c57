//! Who may do something with a file, a folder or a pipe: its owner and its access control list.

use std::ffi::c_void;
use std::os::windows::ffi::OsStrExt as _;
use std::os::windows::io::{AsRawHandle as _, BorrowedHandle};
use std::path::Path;
use std::{fmt, io, ptr};

use windows_sys::Win32::Foundation::LocalFree;
use windows_sys::Win32::Security::Authorization::{
    ConvertSecurityDescriptorToStringSecurityDescriptorW,
    ConvertStringSecurityDescriptorToSecurityDescriptorW, GetNamedSecurityInfoW, GetSecurityInfo,
    SDDL_REVISION_1, SE_FILE_OBJECT, SE_KERNEL_OBJECT, SE_OBJECT_TYPE, SetNamedSecurityInfoW,
};
use windows_sys::Win32::Security::{
    ACCESS_ALLOWED_ACE, ACE_HEADER, ACL, DACL_SECURITY_INFORMATION, GetAce,
    GetSecurityDescriptorDacl, OWNER_SECURITY_INFORMATION, PROTECTED_DACL_SECURITY_INFORMATION,
    PSECURITY_DESCRIPTOR, PSID, SECURITY_ATTRIBUTES, SetFileSecurityW,
};

use crate::Sid;

const BOTH: u32 = OWNER_SECURITY_INFORMATION | DACL_SECURITY_INFORMATION;

/// An entry of a list that allows something; all others deny or only note.
const ALLOWED: u8 = 0;
/// An entry that counts for what is made inside, not for the thing itself.
const INHERIT_ONLY: u8 = 0x08;

/// Rights to change a file or what a folder holds, or who may: to write data, append,
/// extended attributes, a folder's children, attributes, to delete, the list, the owner; and the
/// generic rights to write and to do anything.
const CHANGES: u32 = 0x5000_0000 | 0x000D_0000 | 0x0156;

/// Whom a thing is open to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience {
    /// To this user, and to those who get at everything anyway.
    Owner,
    /// To somebody else as well, or to everybody.
    Others,
}

/// What makes a new thing its owner's alone: only the user of this process may do anything
/// with it, whatever the folder that it lies in passes on.
pub struct OwnerOnly(Descriptor);

impl OwnerOnly {
    /// For a file or a pipe.
    ///
    /// # Errors
    /// Fails where the system does not say who the user is.
    pub fn thing() -> io::Result<Self> {
        Self::with_flags("")
    }

    /// For a folder, and whatever is made inside.
    ///
    /// # Errors
    /// Fails where the system does not say who the user is.
    pub fn folder() -> io::Result<Self> {
        Self::with_flags("OICI")
    }

    fn with_flags(flags: &str) -> io::Result<Self> {
        let me = Sid::of_this_user()?;
        Descriptor::parse(&format!("O:{me}D:P(A;{flags};FA;;;{me})")).map(Self)
    }

    /// What a call that makes a thing takes; valid for as long as this is.
    #[must_use]
    pub fn attributes(&self) -> SECURITY_ATTRIBUTES {
        SECURITY_ATTRIBUTES {
            nLength: size_of::<SECURITY_ATTRIBUTES>() as u32,
            lpSecurityDescriptor: self.0.0,
            bInheritHandle: 0,
        }
    }

    /// Puts the list in place of the one that the file has. Its owner stays.
    pub(crate) fn apply_to_file(&self, path: &Path) -> io::Result<()> {
        let path = wide(path);
        // SAFETY: the path ends with a zero, and the descriptor is valid.
        let set = unsafe {
            let which = DACL_SECURITY_INFORMATION | PROTECTED_DACL_SECURITY_INFORMATION;
            SetFileSecurityW(path.as_ptr(), which, self.0.0)
        };
        if set == 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }

    /// Puts the list in place of the one that the folder has, and has what lies in it and has no
    /// list of its own follow. Its owner stays.
    pub(crate) fn apply_to_folder(&self, path: &Path) -> io::Result<()> {
        let (mut present, mut defaulted, mut list) = (0, 0, ptr::null_mut());
        // SAFETY: the descriptor is valid; the list points into it.
        let told = unsafe {
            GetSecurityDescriptorDacl(self.0.0, &raw mut present, &raw mut list, &raw mut defaulted)
        };
        if told == 0 || present == 0 {
            return Err(io::Error::last_os_error());
        }
        let path = wide(path);
        // SAFETY: the path ends with a zero, and the list outlives the call.
        let code = unsafe {
            SetNamedSecurityInfoW(
                path.as_ptr().cast_mut(),
                SE_FILE_OBJECT,
                DACL_SECURITY_INFORMATION | PROTECTED_DACL_SECURITY_INFORMATION,
                ptr::null_mut(),
                ptr::null_mut(),
                list,
                ptr::null(),
            )
        };
        succeeded(code)
    }
}

/// The owner and the list of a thing that exists.
pub struct Security {
    owner: Sid,
    list: *const ACL,
    descriptor: Descriptor,
}

impl Security {
    /// Of the file or folder at `path`.
    ///
    /// # Errors
    /// Fails where it is not there, or its list may not be read.
    pub fn of_path(path: &Path) -> io::Result<Self> {
        let path = wide(path);
        Self::read(|owner, list, descriptor| {
            // SAFETY: the path ends with a zero; the others are places to write to.
            unsafe {
                GetNamedSecurityInfoW(
                    path.as_ptr(),
                    SE_FILE_OBJECT,
                    BOTH,
                    owner,
                    ptr::null_mut(),
                    list,
                    ptr::null_mut(),
                    descriptor,
                )
            }
        })
    }

    /// Of an open file.
    ///
    /// # Errors
    /// Fails where its list may not be read.
    pub fn of_file(file: BorrowedHandle<'_>) -> io::Result<Self> {
        Self::of_handle(file, SE_FILE_OBJECT)
    }

    /// Of an open end of a pipe.
    ///
    /// # Errors
    /// Fails where its list may not be read.
    pub fn of_pipe(pipe: BorrowedHandle<'_>) -> io::Result<Self> {
        Self::of_handle(pipe, SE_KERNEL_OBJECT)
    }

    /// Who owns it.
    #[must_use]
    pub fn owner(&self) -> &Sid {
        &self.owner
    }

    /// Whom it is open to.
    #[must_use]
    pub fn audience(&self) -> Audience {
        let Ok(me) = Sid::of_this_user() else { return Audience::Others };
        // SAFETY: the list lies in the descriptor, which lives as long as this.
        let Some(list) = (unsafe { self.list.as_ref() }) else { return Audience::Others };
        let is_closed = Self::every(list, |who, _| *who == me || who.is_system_or_owner());
        if is_closed { Audience::Owner } else { Audience::Others }
    }

    /// Whether nobody but the system and administrators can change it, or let others do so.
    #[must_use]
    pub fn is_kept_by_administrators(&self) -> bool {
        // SAFETY: as above.
        let Some(list) = (unsafe { self.list.as_ref() }) else { return false };
        self.owner.is_administration()
            && Self::every(list, |who, rights| rights & CHANGES == 0 || who.is_administration())
    }

    /// Whether `holds` for everybody whom the list lets in, with the rights that they have. One
    /// entry that cannot be read is enough for it not to.
    fn every(list: &ACL, holds: impl Fn(&Sid, u32) -> bool) -> bool {
        (0..u32::from(list.AceCount)).all(|index| {
            let allowed = Self::allowed(list, index);
            allowed.is_some_and(|entry| entry.is_none_or(|(who, rights)| holds(&who, rights)))
        })
    }

    /// Whom the entry lets in, if anybody, and to do what; `None` where it cannot be read.
    fn allowed(list: &ACL, index: u32) -> Option<Option<(Sid, u32)>> {
        let mut entry: *mut c_void = ptr::null_mut();
        // SAFETY: the list is valid, and the index below its count.
        if unsafe { GetAce(list, index, &raw mut entry) } == 0 {
            return None;
        }
        // SAFETY: every entry begins with a header.
        let header = unsafe { *entry.cast::<ACE_HEADER>() };
        if header.AceFlags & INHERIT_ONLY != 0 || is_denial(header.AceType) {
            return Some(None);
        }
        if header.AceType != ALLOWED {
            return None;
        }
        let entry = entry.cast::<ACCESS_ALLOWED_ACE>();
        // SAFETY: an entry of this type ends with a SID, which begins at `SidStart`.
        let (who, rights) =
            unsafe { (Sid::copy((&raw mut (*entry).SidStart).cast()), (*entry).Mask) };
        who.ok().map(|who| Some((who, rights)))
    }

    fn of_handle(handle: BorrowedHandle<'_>, kind: SE_OBJECT_TYPE) -> io::Result<Self> {
        Self::read(|owner, list, descriptor| {
            // SAFETY: the handle is open; the others are places to write to.
            unsafe {
                GetSecurityInfo(
                    handle.as_raw_handle(),
                    kind,
                    BOTH,
                    owner,
                    ptr::null_mut(),
                    list,
                    ptr::null_mut(),
                    descriptor,
                )
            }
        })
    }

    fn read(
        ask: impl FnOnce(*mut PSID, *mut *mut ACL, *mut PSECURITY_DESCRIPTOR) -> u32,
    ) -> io::Result<Self> {
        let (mut owner, mut list, mut descriptor) =
            (ptr::null_mut(), ptr::null_mut(), ptr::null_mut());
        succeeded(ask(&raw mut owner, &raw mut list, &raw mut descriptor))?;
        let descriptor = Descriptor(descriptor);
        if owner.is_null() {
            return Err(io::Error::other("a thing that nobody owns"));
        }
        // SAFETY: the call has written where in the descriptor the owner lies.
        let owner = unsafe { Sid::copy(owner) }?;
        Ok(Self { owner, list, descriptor })
    }
}

/// In the security descriptor definition language.
impl fmt::Debug for Security {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (mut text, mut length) = (ptr::null_mut(), 0);
        // SAFETY: the descriptor is valid; the text is freed below.
        let written = unsafe {
            ConvertSecurityDescriptorToStringSecurityDescriptorW(
                self.descriptor.0,
                SDDL_REVISION_1,
                BOTH,
                &raw mut text,
                &raw mut length,
            )
        };
        if written == 0 {
            return f.write_str("unknown");
        }
        // SAFETY: the call has written so many units.
        let shown = unsafe { std::slice::from_raw_parts(text, length as usize) };
        let shown = String::from_utf16_lossy(shown);
        // SAFETY: the text is the one that the call allocated.
        unsafe { LocalFree(text.cast()) };
        f.write_str(shown.trim_end_matches('\0'))
    }
}

/// A security descriptor that the system allocated.
struct Descriptor(PSECURITY_DESCRIPTOR);

// SAFETY: nothing but its owner holds the memory, and it is only read.
unsafe impl Send for Descriptor {}
// SAFETY: it is only read.
unsafe impl Sync for Descriptor {}

impl Descriptor {
    fn parse(text: &str) -> io::Result<Self> {
        let text: Vec<u16> = text.encode_utf16().chain([0]).collect();
        let mut descriptor = ptr::null_mut();
        // SAFETY: the text ends with a zero.
        let parsed = unsafe {
            ConvertStringSecurityDescriptorToSecurityDescriptorW(
                text.as_ptr(),
                SDDL_REVISION_1,
                &raw mut descriptor,
                ptr::null_mut(),
            )
        };
        if parsed == 0 { Err(io::Error::last_os_error()) } else { Ok(Self(descriptor)) }
    }
}

impl Drop for Descriptor {
    fn drop(&mut self) {
        // SAFETY: it was allocated for this, and nothing uses it any more.
        unsafe { LocalFree(self.0) };
    }
}

/// Types of entries that take something away, or only have it noted.
const fn is_denial(kind: u8) -> bool {
    matches!(kind, 1 | 2 | 3 | 6 | 7 | 8 | 10 | 12..=21)
}

fn succeeded(code: u32) -> io::Result<()> {
    if code == 0 { Ok(()) } else { Err(io::Error::from_raw_os_error(code.cast_signed())) }
}

/// A path as the system takes it, with a zero at its end.
pub(crate) fn wide(path: &Path) -> Vec<u16> {
    path.as_os_str().encode_wide().chain([0]).collect()
}

/// Gives a file another list, in the security descriptor definition language.
#[cfg(test)]
pub(crate) fn set_list(path: &Path, list: &str) -> io::Result<()> {
    OwnerOnly(Descriptor::parse(list)?).apply_to_file(path)
}

#[cfg(test)]
mod tests {
    use windows_sys::Win32::Security::GetSecurityDescriptorOwner;

    use super::*;

    /// What a list amounts to, for whom the file belongs to.
    fn kept(descriptor: &str) -> bool {
        let descriptor = Descriptor::parse(descriptor).unwrap();
        let (mut defaulted, mut present) = (0, 0);
        let (mut list, mut owner) = (ptr::null_mut(), ptr::null_mut());
        // SAFETY: the descriptor outlives what points into it.
        let security = unsafe {
            let told = GetSecurityDescriptorOwner(descriptor.0, &raw mut owner, &raw mut defaulted);
            assert_ne!(told, 0);
            let told = GetSecurityDescriptorDacl(
                descriptor.0,
                &raw mut present,
                &raw mut list,
                &raw mut defaulted,
            );
            assert_ne!(told, 0);
            Security { owner: Sid::copy(owner).unwrap(), list, descriptor }
        };
        security.is_kept_by_administrators()
    }

    #[test]
    fn a_file_that_only_administrators_can_change_is_theirs() {
        assert!(kept("O:BAD:P(A;;FA;;;SY)(A;;FA;;;BA)(A;;FR;;;BU)"));
        assert!(kept("O:SYD:P(A;;FA;;;SY)(A;;0x1200a9;;;WD)"));
        assert!(!kept("O:BAD:P(A;;FA;;;BA)(A;;FW;;;BU)"));
        assert!(!kept("O:BUD:P(A;;FA;;;BA)"));
        assert!(!kept("O:BAD:P(A;;WD;;;AU)"));
        assert!(!kept("O:BAD:P(A;;GA;;;AU)"));
    }
}
