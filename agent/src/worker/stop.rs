//! Why an operation of a worker ends early.

use crate::refusal::{Code, Refusal};
use crate::sys::Errno;

#[derive(Debug)]
pub enum Stop {
    /// The connection has ended: there is nobody to tell.
    Gone,
    Refused(Refusal),
}

impl Stop {
    /// Names the field of the request that is at fault, where none is named yet.
    pub fn about(self, field: &'static str) -> Stop {
        match self {
            Stop::Refused(mut refusal) => {
                refusal.field.get_or_insert(field);
                Stop::Refused(refusal)
            }
            Stop::Gone => Stop::Gone,
        }
    }
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Stop {
        Stop::Refused(refusal)
    }
}

fn code_of(errno: Errno) -> (Code, &'static str) {
    match errno {
        libc::ENOENT => (Code::NotFound, "no such file or directory"),
        libc::ENOTDIR => (Code::NotDirectory, "not a directory"),
        libc::EISDIR => (Code::IsDirectory, "is a directory"),
        libc::EEXIST => (Code::Exists, "exists already"),
        libc::ENOTEMPTY => (Code::NotEmpty, "the directory is not empty"),
        libc::EACCES | libc::EPERM => (Code::PermissionDenied, "permission denied"),
        libc::ELOOP => (Code::SymlinkLoop, "too many symbolic links, or one that leads nowhere"),
        libc::ENAMETOOLONG => (Code::NameTooLong, "a name has at most 255 bytes, a path 4095"),
        libc::EROFS => (Code::ReadOnly, "the file system is read-only"),
        libc::ENOSPC | libc::EDQUOT => (Code::DiskFull, "no space is left"),
        libc::EBUSY | libc::ETXTBSY | libc::EXDEV | libc::EAGAIN => (Code::Busy, "is in use, or a mount point"),
        libc::ENXIO | libc::ENODEV => (Code::NotFile, "not a regular file"),
        libc::EMFILE | libc::ENFILE | libc::ENOMEM => (Code::ProcessLimit, "the capsule is short of memory or descriptors"),
        _ => (Code::IoError, ""),
    }
}

/// The refusal of a system call about `path`.
pub fn refused(errno: Errno, path: &[u8]) -> Stop {
    let (code, text) = code_of(errno);
    let text = if text.is_empty() { format!("errno {}", errno) } else { text.to_string() };
    Refusal::new(code, format!("{}: {}", text, shown(path))).into()
}

/// A path as a message may hold it: valid text, and not too long.
pub fn shown(path: &[u8]) -> String {
    let mut text = String::from_utf8_lossy(&path[..path.len().min(512)]).into_owned();
    if path.len() > 512 {
        text.push('…');
    }
    text
}

pub fn stop(code: Code, message: &str, path: &[u8]) -> Stop {
    Refusal::new(code, format!("{}: {}", message, shown(path))).into()
}
