//! Which program a process runs, and what the program calls itself.

use std::ffi::{OsString, c_void};
use std::os::windows::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};
use std::ptr;

use windows_sys::Win32::Foundation::{CloseHandle, HANDLE, INVALID_HANDLE_VALUE};
use windows_sys::Win32::Storage::FileSystem::{
    GetFileVersionInfoSizeW, GetFileVersionInfoW, VerQueryValueW,
};
use windows_sys::Win32::System::Diagnostics::ToolHelp::{
    CreateToolhelp32Snapshot, PROCESSENTRY32W, Process32FirstW, Process32NextW, TH32CS_SNAPPROCESS,
};
use windows_sys::Win32::System::Threading::{
    OpenProcess, PROCESS_NAME_WIN32, PROCESS_QUERY_LIMITED_INFORMATION, QueryFullProcessImageNameW,
};

/// No path is longer.
const LONGEST_PATH: usize = 32_768;

/// A handle that is closed when dropped.
struct Owned(HANDLE);

impl Drop for Owned {
    fn drop(&mut self) {
        // SAFETY: it was opened and is not used any more.
        unsafe { CloseHandle(self.0) };
    }
}

/// The file that the process was started from. Of a process that is protected or another
/// user's it is only the name, without the folder.
pub(super) fn of_process(pid: u32) -> Option<PathBuf> {
    path(pid).or_else(|| listed_name(pid))
}

/// What the application is called: by the description in the program's file, else by the
/// file's name.
pub(super) fn app_name(program: &Path) -> Option<String> {
    let described = description(program).filter(|name| !name.trim().is_empty());
    described.or_else(|| Some(program.file_stem()?.to_string_lossy().into_owned()))
}

fn path(pid: u32) -> Option<PathBuf> {
    // SAFETY: a process that is gone or protected makes the call fail.
    let process = unsafe { OpenProcess(PROCESS_QUERY_LIMITED_INFORMATION, 0, pid) };
    if process.is_null() {
        return None;
    }
    let process = Owned(process);
    let mut path = vec![0_u16; LONGEST_PATH];
    let mut length = LONGEST_PATH as u32;
    // SAFETY: the room is as long as it is said to be.
    let told = unsafe {
        QueryFullProcessImageNameW(
            process.0,
            PROCESS_NAME_WIN32,
            path.as_mut_ptr(),
            &raw mut length,
        )
    };
    (told != 0).then(|| PathBuf::from(OsString::from_wide(&path[..length as usize])))
}

/// The name under which the system lists the process, for which it asks no right.
fn listed_name(pid: u32) -> Option<PathBuf> {
    // SAFETY: the call takes no pointers.
    let listing = unsafe { CreateToolhelp32Snapshot(TH32CS_SNAPPROCESS, 0) };
    if listing == INVALID_HANDLE_VALUE {
        return None;
    }
    let listing = Owned(listing);
    let size = size_of::<PROCESSENTRY32W>() as u32;
    let mut entry = PROCESSENTRY32W { dwSize: size, ..Default::default() };
    // SAFETY: the entry says how long it is, here and below.
    let mut more = unsafe { Process32FirstW(listing.0, &raw mut entry) } != 0;
    while more {
        if entry.th32ProcessID == pid {
            let end = entry.szExeFile.iter().position(|&unit| unit == 0)?;
            return Some(PathBuf::from(OsString::from_wide(&entry.szExeFile[..end])));
        }
        // SAFETY: as above.
        more = unsafe { Process32NextW(listing.0, &raw mut entry) } != 0;
    }
    None
}

/// `FileDescription` in the first language that the file has.
fn description(program: &Path) -> Option<String> {
    let name: Vec<u16> = program.as_os_str().encode_wide().chain([0]).collect();
    // SAFETY: the name ends with a zero.
    let length = unsafe { GetFileVersionInfoSizeW(name.as_ptr(), ptr::null_mut()) };
    let mut info = vec![0_u32; (length as usize).div_ceil(4)];
    // SAFETY: the room is as long as it is said to be.
    let read = unsafe { GetFileVersionInfoW(name.as_ptr(), 0, length, info.as_mut_ptr().cast()) };
    if length == 0 || read == 0 {
        return None;
    }
    let language = value(&info, r"\VarFileInfo\Translation")?;
    let [language, codepage] = language.get(..2)? else { return None };
    let text =
        value(&info, &format!(r"\StringFileInfo\{language:04x}{codepage:04x}\FileDescription"))?;
    let end = text.iter().position(|&unit| unit == 0).unwrap_or(text.len());
    Some(String::from_utf16_lossy(&text[..end]))
}

/// A value of the file's version information, as words of two bytes.
fn value(info: &[u32], name: &str) -> Option<Vec<u16>> {
    let is_text = name.ends_with("FileDescription");
    let name: Vec<u16> = name.encode_utf16().chain([0]).collect();
    let (mut start, mut length): (*mut c_void, u32) = (ptr::null_mut(), 0);
    // SAFETY: the information is what the system wrote, and the name ends with a zero.
    let found = unsafe {
        VerQueryValueW(info.as_ptr().cast(), name.as_ptr(), &raw mut start, &raw mut length)
    };
    // The length of a text is in units, that of everything else in bytes.
    let words = if is_text { length as usize } else { length as usize / 2 };
    let offset = (start as usize).checked_sub(info.as_ptr() as usize)?;
    let inside = offset.checked_add(words * 2)? <= size_of_val(info);
    if found == 0 || !inside || offset % 2 != 0 {
        return None;
    }
    // SAFETY: it lies inside of the information, and is aligned.
    Some(unsafe { std::slice::from_raw_parts(start.cast(), words) }.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_runs_the_program_that_it_was_started_from() {
        let program = of_process(std::process::id()).unwrap();
        assert_eq!(program.file_name(), std::env::current_exe().unwrap().file_name());
        let listed = listed_name(std::process::id()).unwrap();
        assert_eq!(Some(listed.as_os_str()), program.file_name());
        let name = app_name(&program).unwrap();
        assert!(name.starts_with("devpulse_capture"), "{name}");
    }

    #[test]
    fn a_process_that_is_not_there_runs_nothing() {
        assert_eq!(of_process(u32::MAX - 3), None);
    }

    #[test]
    fn a_program_that_describes_itself_is_called_by_that() {
        let program = Path::new(r"C:\windows\system32\notepad.exe");
        assert_eq!(app_name(program).as_deref().map(|name| !name.is_empty()), Some(true));
        assert_eq!(app_name(Path::new(r"C:\missing\Editor.exe")).as_deref(), Some("Editor"));
    }
}
