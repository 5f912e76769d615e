//! Finds the files that the code of this process was loaded from.
#![cfg_attr(not(target_os = "linux"), expect(unsafe_code, reason = "the system is asked which file holds this code"))]

use std::path::PathBuf;

/// A file with code of this process.
#[derive(Debug)]
pub(super) struct Loaded {
    pub(super) path: PathBuf,
}

/// Folders with the system's libraries.
#[cfg(target_os = "linux")]
const SYSTEM: [&str; 6] = ["/lib/", "/lib32/", "/lib64/", "/usr/lib/", "/usr/lib32/", "/usr/lib64/"];

/// Returns the executable, and the libraries outside the system's folders.
///
/// # Errors
/// If one of them has been removed or replaced since it was loaded, because it can't be read any more.
#[cfg(target_os = "linux")]
pub(super) fn files() -> Result<Vec<Loaded>, String> {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;

    // The kernel leads to the file itself, even after it was replaced.
    let mut files = vec![Loaded { path: "/proc/self/exe".into() }];
    let executable = std::fs::read_link("/proc/self/exe").map_err(|error| format!("/proc/self/exe: {error}"))?;
    let maps = std::fs::read("/proc/self/maps").map_err(|error| format!("/proc/self/maps: {error}"))?;
    let mut paths: Vec<&[u8]> = maps.split(|byte| *byte == b'\n').filter_map(path_of_code).collect();
    paths.sort_unstable();
    paths.dedup();
    for path in paths {
        let is_system = SYSTEM.iter().any(|folder| path.starts_with(folder.as_bytes()));
        if is_system || path == executable.as_os_str().as_bytes() {
            continue;
        }
        if path.ends_with(b" (deleted)") {
            return Err(format!("{} was removed or replaced", String::from_utf8_lossy(path)));
        }
        files.push(Loaded { path: OsStr::from_bytes(path).into() });
    }
    Ok(files)
}

/// Returns the path in a line of `maps` if the file is mapped as code. The fields are address, permissions, offset,
/// device, inode, path.
#[cfg(target_os = "linux")]
fn path_of_code(line: &[u8]) -> Option<&[u8]> {
    let mut rest = line;
    for index in 0..5 {
        let end = rest.iter().position(|byte| *byte == b' ')?;
        if index == 1 && !rest[..end].contains(&b'x') {
            return None;
        }
        let start = rest[end..].iter().position(|byte| *byte != b' ')? + end;
        rest = &rest[start..];
    }
    rest.starts_with(b"/").then_some(rest)
}

/// Returns the executable, and the library that contains this code.
#[cfg(not(target_os = "linux"))]
pub(super) fn files() -> Result<Vec<Loaded>, String> {
    let executable = std::env::current_exe().map_err(|error| format!("the executable: {error}"))?;
    let own = own_file().ok_or("the system does not tell which file this code is in")?;
    Ok(vec![Loaded { path: executable }, Loaded { path: own }])
}

#[cfg(all(unix, not(target_os = "linux")))]
fn own_file() -> Option<PathBuf> {
    use std::ffi::{CStr, OsStr};
    use std::os::unix::ffi::OsStrExt as _;

    let address = own_file as *const () as *const libc::c_void;
    // SAFETY: `Dl_info` holds only pointers and addresses, for which zero is a valid value.
    let mut info: libc::Dl_info = unsafe { std::mem::zeroed() };
    // SAFETY: the address is that of a function of this program, and `info` is written to only during the call.
    if unsafe { libc::dladdr(address, &raw mut info) } == 0 || info.dli_fname.is_null() {
        return None;
    }
    // SAFETY: `dladdr` succeeded, so this is a C string that lives as long as the library is loaded, and this code is
    // in that library.
    let name = unsafe { CStr::from_ptr(info.dli_fname) };
    Some(OsStr::from_bytes(name.to_bytes()).into())
}

#[cfg(windows)]
fn own_file() -> Option<PathBuf> {
    use std::ffi::{OsString, c_void};
    use std::os::windows::ffi::OsStringExt as _;

    const FROM_ADDRESS: u32 = 4;
    const UNCHANGED_REFCOUNT: u32 = 2;
    #[link(name = "kernel32")]
    unsafe extern "system" {
        fn GetModuleHandleExW(flags: u32, address: *const c_void, module: *mut *mut c_void) -> i32;
        fn GetModuleFileNameW(module: *mut c_void, name: *mut u16, length: u32) -> u32;
    }
    let mut module = std::ptr::null_mut();
    let address = own_file as *const () as *const c_void;
    // SAFETY: with these flags, the second argument is any address within a module, here that of a function of this
    // program. The handle is written to `module` only during the call.
    if unsafe { GetModuleHandleExW(FROM_ADDRESS | UNCHANGED_REFCOUNT, address, &raw mut module) } == 0 {
        return None;
    }
    let mut name = vec![0_u16; 32 * 1024];
    let room = u32::try_from(name.len()).ok()?;
    // SAFETY: the buffer has the given length, and the module is loaded, because this code is in it.
    let length = unsafe { GetModuleFileNameW(module, name.as_mut_ptr(), room) };
    let length = usize::try_from(length).ok().filter(|length| *length > 0 && *length < name.len())?;
    Some(OsString::from_wide(&name[..length]).into())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn lines_of_maps_are_read() {
        let line = b"7f0a-7f0b r-xp 00001000 fe:00 1234    /home/u/a lib.so (deleted)";
        assert_eq!(path_of_code(line), Some(b"/home/u/a lib.so (deleted)".as_slice()));
        for other in [
            "7f0a-7f0b r--p 00001000 fe:00 1234    /home/u/lib.so",
            "7f-80 r-xp 0 00:00 0    [vdso]",
            "7f-80 r-xp 0 00:00 0 ",
            "",
        ] {
            assert_eq!(path_of_code(other.as_bytes()), None, "{other}");
        }
    }
}
