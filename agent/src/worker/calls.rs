//! Thin, typed forms of the system calls on files. What is not named by a path from the root is relative
//! to a directory that is held open, and no magic link of /proc is ever followed.

use crate::sys::{check, errno, Errno};
use std::ffi::{CStr, CString};
use std::os::unix::io::{AsRawFd, FromRawFd, OwnedFd, RawFd};

pub type About = libc::stat;

const NO_XDEV: u64 = 0x01;
const NO_MAGICLINKS: u64 = 0x02;
const BENEATH: u64 = 0x08;

/// Times that a walk below a directory is tried again that something was moved under.
const TRIES: u32 = 16;

#[repr(C)]
struct OpenHow {
    flags: u64,
    mode: u64,
    resolve: u64,
}

fn owned(result: libc::c_long) -> Result<OwnedFd, Errno> {
    let fd = check(result)?;
    // SAFETY: the kernel has just made this descriptor and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as RawFd) })
}

fn openat2(dir: RawFd, name: &CStr, flags: i32, mode: u32, resolve: u64) -> Result<OwnedFd, Errno> {
    let how = OpenHow { flags: (flags | libc::O_CLOEXEC) as u64, mode: mode.into(), resolve };
    // SAFETY: the name ends in NUL, and the struct has the size that is told.
    owned(unsafe { libc::syscall(437, dir, name.as_ptr(), &how as *const OpenHow, std::mem::size_of::<OpenHow>()) })
}

fn openat(dir: RawFd, name: &CStr, flags: i32, mode: u32) -> Result<OwnedFd, Errno> {
    // SAFETY: the name ends in NUL.
    owned(unsafe { libc::openat(dir, name.as_ptr(), flags | libc::O_CLOEXEC, mode) }.into())
}

/// Whether the kernel, or the runtime's filter, has no openat2.
fn is_missing(result: &Result<OwnedFd, Errno>) -> bool {
    matches!(result, Err(libc::ENOSYS) | Err(libc::EPERM))
}

/// Opens a path. A kernel before 5.6 follows magic links, which lead nowhere outside either.
pub fn open(dir: &OwnedFd, name: &CStr, flags: i32, mode: u32) -> Result<OwnedFd, Errno> {
    open_at(dir.as_raw_fd(), name, flags, mode)
}

/// Opens what a path from the root leads to, without a descriptor of the root.
pub fn open_path(path: &CStr, flags: i32) -> Result<OwnedFd, Errno> {
    open_at(libc::AT_FDCWD, path, flags, 0)
}

fn open_at(dir: RawFd, name: &CStr, flags: i32, mode: u32) -> Result<OwnedFd, Errno> {
    let result = openat2(dir, name, flags, mode, NO_MAGICLINKS);
    if is_missing(&result) {
        openat(dir, name, flags, mode)
    } else {
        result
    }
}

/// Opens the directory `name` itself, on the same mount.
pub fn open_child(dir: &OwnedFd, name: &CStr) -> Result<OwnedFd, Errno> {
    let flags = libc::O_RDONLY | libc::O_DIRECTORY | libc::O_NOFOLLOW;
    let result = openat2(dir.as_raw_fd(), name, flags, 0, NO_XDEV);
    if is_missing(&result) {
        openat(dir.as_raw_fd(), name, flags, 0)
    } else {
        result
    }
}

/// Opens a directory by a path that must not leave `dir`, by links neither (then EXDEV or ELOOP).
pub fn open_beneath(dir: &OwnedFd, name: &CStr) -> Result<OwnedFd, Errno> {
    let flags = libc::O_PATH | libc::O_DIRECTORY;
    for _ in 0..TRIES {
        let result = openat2(dir.as_raw_fd(), name, flags, 0, BENEATH | NO_MAGICLINKS);
        match result {
            Err(libc::EAGAIN) => {}
            result if is_missing(&result) => break,
            result => return result,
        }
    }
    // Without it no link is followed at all.
    let mut at = openat(dir.as_raw_fd(), &dot(), flags, 0)?;
    for part in name.to_bytes().split(|byte| *byte == b'/').filter(|part| !part.is_empty()) {
        let part = CString::new(part).map_err(|_| libc::EINVAL)?;
        at = openat(at.as_raw_fd(), &part, flags | libc::O_NOFOLLOW, 0).map_err(|errno| {
            let is_link = about_at(&at, &part).map_or(false, |about| is(&about, libc::S_IFLNK));
            if is_link {
                libc::ELOOP
            } else {
                errno
            }
        })?;
    }
    Ok(at)
}

pub fn dot() -> CString {
    CString::new(".").unwrap_or_default()
}

fn filled(call: impl FnOnce(*mut About) -> i32) -> Result<About, Errno> {
    // SAFETY: a stat of zeros is valid, and the kernel fills it.
    let mut about: About = unsafe { std::mem::zeroed() };
    check(call(&mut about).into()).map(|_| about)
}

pub fn about(fd: &OwnedFd) -> Result<About, Errno> {
    // SAFETY: the struct outlives the call.
    filled(|about| unsafe { libc::fstat(fd.as_raw_fd(), about) })
}

/// Facts of `name` itself, be it a link.
pub fn about_at(dir: &OwnedFd, name: &CStr) -> Result<About, Errno> {
    // SAFETY: the struct outlives the call, and the name ends in NUL.
    filled(|about| unsafe { libc::fstatat(dir.as_raw_fd(), name.as_ptr(), about, libc::AT_SYMLINK_NOFOLLOW) })
}

/// Facts of what `name` leads to.
pub fn about_target(dir: &OwnedFd, name: &CStr) -> Result<About, Errno> {
    about(&open(dir, name, libc::O_PATH, 0)?)
}

/// Whether it is of this type (S_IF…).
pub fn is(about: &About, kind: libc::mode_t) -> bool {
    about.st_mode & libc::S_IFMT == kind
}

pub fn read_link(dir: &OwnedFd, name: &CStr) -> Result<Vec<u8>, Errno> {
    let mut target = vec![0; libc::PATH_MAX as usize];
    // SAFETY: the buffer is valid for its length.
    let got = check(unsafe { libc::readlinkat(dir.as_raw_fd(), name.as_ptr(), target.as_mut_ptr().cast(), target.len()) } as libc::c_long)?;
    target.truncate(got);
    Ok(target)
}

pub fn make_dir(dir: &OwnedFd, name: &CStr, mode: u32) -> Result<(), Errno> {
    // SAFETY: the name ends in NUL.
    check(unsafe { libc::mkdirat(dir.as_raw_fd(), name.as_ptr(), mode) }.into()).map(drop)
}

pub fn unlink(dir: &OwnedFd, name: &CStr) -> Result<(), Errno> {
    // SAFETY: the name ends in NUL.
    check(unsafe { libc::unlinkat(dir.as_raw_fd(), name.as_ptr(), 0) }.into()).map(drop)
}

pub fn remove_dir(dir: &OwnedFd, name: &CStr) -> Result<(), Errno> {
    // SAFETY: the name ends in NUL.
    check(unsafe { libc::unlinkat(dir.as_raw_fd(), name.as_ptr(), libc::AT_REMOVEDIR) }.into()).map(drop)
}

/// Moves `from` to `to`, in place of what is there only if `replace`.
pub fn rename(from: (&OwnedFd, &CStr), to: (&OwnedFd, &CStr), replace: bool) -> Result<(), Errno> {
    const NO_REPLACE: u32 = 1;
    let flags = if replace { 0 } else { NO_REPLACE };
    // SAFETY: both names end in NUL.
    let result = unsafe { libc::syscall(libc::SYS_renameat2, from.0.as_raw_fd(), from.1.as_ptr(), to.0.as_raw_fd(), to.1.as_ptr(), flags) };
    check(result).map(drop)
}

/// Gives a file that is open one more name.
pub fn link_file(file: &OwnedFd, dir: &OwnedFd, name: &CStr) -> Result<(), Errno> {
    let path = format!("/proc/self/fd/{}\0", file.as_raw_fd());
    // SAFETY: both names end in NUL.
    let result = unsafe { libc::linkat(libc::AT_FDCWD, path.as_ptr().cast(), dir.as_raw_fd(), name.as_ptr(), libc::AT_SYMLINK_FOLLOW) };
    check(result.into()).map(drop)
}

pub fn link(from: (&OwnedFd, &CStr), to: (&OwnedFd, &CStr)) -> Result<(), Errno> {
    // SAFETY: both names end in NUL.
    check(unsafe { libc::linkat(from.0.as_raw_fd(), from.1.as_ptr(), to.0.as_raw_fd(), to.1.as_ptr(), 0) }.into()).map(drop)
}

pub fn make_link(target: &CStr, dir: &OwnedFd, name: &CStr) -> Result<(), Errno> {
    // SAFETY: both names end in NUL.
    check(unsafe { libc::symlinkat(target.as_ptr(), dir.as_raw_fd(), name.as_ptr()) }.into()).map(drop)
}

/// Changes the mode of an open file.
pub fn change_mode(file: &OwnedFd, mode: u32) -> Result<(), Errno> {
    // SAFETY: touches no memory.
    check(unsafe { libc::fchmod(file.as_raw_fd(), mode) }.into()).map(drop)
}

/// Changes the mode of `name`, which is no link; it may be open as a path only.
pub fn change_mode_at(dir: &OwnedFd, name: &CStr, mode: u32) -> Result<(), Errno> {
    let file = open(dir, name, libc::O_PATH | libc::O_NOFOLLOW, 0)?;
    if is(&about(&file)?, libc::S_IFLNK) {
        return Err(libc::ELOOP);
    }
    let path = format!("/proc/self/fd/{}\0", file.as_raw_fd());
    // SAFETY: the path ends in NUL.
    check(unsafe { libc::chmod(path.as_ptr().cast(), mode) }.into()).map(drop)
}

/// Changes who owns an open file; the greatest number leaves it as it is.
pub fn change_owner(file: &OwnedFd, uid: u32, gid: u32) -> Result<(), Errno> {
    // SAFETY: touches no memory.
    check(unsafe { libc::fchown(file.as_raw_fd(), uid, gid) }.into()).map(drop)
}

/// Changes who owns `name` itself.
pub fn change_owner_at(dir: &OwnedFd, name: &CStr, uid: u32, gid: u32) -> Result<(), Errno> {
    // SAFETY: the name ends in NUL.
    check(unsafe { libc::fchownat(dir.as_raw_fd(), name.as_ptr(), uid, gid, libc::AT_SYMLINK_NOFOLLOW) }.into()).map(drop)
}

/// Sets when `name` itself was changed, in seconds and nanoseconds.
pub fn change_time_at(dir: &OwnedFd, name: &CStr, seconds: i64, nanoseconds: i64) -> Result<(), Errno> {
    let time = libc::timespec { tv_sec: seconds, tv_nsec: nanoseconds };
    // SAFETY: the name ends in NUL, and both times are there.
    check(unsafe { libc::utimensat(dir.as_raw_fd(), name.as_ptr(), [time, time].as_ptr(), libc::AT_SYMLINK_NOFOLLOW) }.into()).map(drop)
}

pub fn write_all(file: &OwnedFd, mut bytes: &[u8]) -> Result<(), Errno> {
    while !bytes.is_empty() {
        match crate::sys::write(file, bytes) {
            Ok(0) => return Err(libc::EIO),
            Ok(count) => bytes = &bytes[count..],
            Err(libc::EINTR) => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}

pub fn read_at(file: &OwnedFd, buffer: &mut [u8], from: u64) -> Result<usize, Errno> {
    loop {
        // SAFETY: the buffer is valid for its length.
        let got = unsafe { libc::pread(file.as_raw_fd(), buffer.as_mut_ptr().cast(), buffer.len(), from as i64) };
        match check(got as libc::c_long) {
            Err(libc::EINTR) => {}
            other => return other,
        }
    }
}

/// What is in a directory, in the order of the file system, without itself and its parent.
pub struct Names<'a> {
    dir: &'a OwnedFd,
    buffer: Vec<u8>,
    at: usize,
    end: usize,
}

impl<'a> Names<'a> {
    /// `dir` is open for reading.
    pub fn of(dir: &'a OwnedFd) -> Result<Names<'a>, Errno> {
        // SAFETY: only moves the place of an owned descriptor.
        check(unsafe { libc::lseek(dir.as_raw_fd(), 0, libc::SEEK_SET) } as libc::c_long)?;
        Ok(Names { dir, buffer: vec![0; 32 * 1024], at: 0, end: 0 })
    }

    /// The next name, and the type that the directory tells of it (DT_…).
    pub fn next(&mut self) -> Result<Option<(CString, u8)>, Errno> {
        loop {
            if self.at >= self.end {
                // SAFETY: the buffer is valid for its length.
                let got = unsafe { libc::syscall(libc::SYS_getdents64, self.dir.as_raw_fd(), self.buffer.as_mut_ptr(), self.buffer.len()) };
                self.end = check(got)?;
                self.at = 0;
                if self.end == 0 {
                    return Ok(None);
                }
            }
            // An entry: inode and offset (8 bytes each), its length (2), type (1), name.
            let entry = &self.buffer[self.at..self.end];
            let length = usize::from(u16::from_ne_bytes([entry[16], entry[17]])).max(19);
            let name: Vec<u8> = entry[19..length.min(entry.len())].iter().copied().take_while(|byte| *byte != 0).collect();
            let kind = entry[18];
            self.at += length;
            if name != b"." && name != b".." {
                return Ok(Some((CString::new(name).unwrap_or_default(), kind)));
            }
        }
    }
}

/// The directory everything is below.
pub fn root() -> Result<OwnedFd, Errno> {
    // SAFETY: the path ends in NUL.
    owned(unsafe { libc::open(b"/\0".as_ptr().cast(), libc::O_PATH | libc::O_DIRECTORY | libc::O_CLOEXEC) }.into())
}

/// Room for random names.
pub fn random() -> u64 {
    let mut bytes = [0u8; 8];
    // SAFETY: the buffer is valid for its length.
    if unsafe { libc::getrandom(bytes.as_mut_ptr().cast(), bytes.len(), 0) } != 8 {
        return errno() as u64 ^ crate::clock::monotonic();
    }
    u64::from_ne_bytes(bytes)
}
