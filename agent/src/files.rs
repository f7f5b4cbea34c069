//! The agent's own files, in the control directory: out of the capsule's reach, and still never
//! trusted. No name is followed through a link, and nothing that is no regular file is opened.

use crate::sys::{check, open_at, Errno};
use std::os::unix::io::{AsRawFd, FromRawFd, OwnedFd};

/// Where the segments of journals lie.
const JOURNALS: &[u8] = b"j\0";
/// Most segments that a start looks at; what is beyond them is removed unread.
pub const MAX_FILES: usize = 65_536;

/// The control directory and the one for journals in it.
pub struct ControlDir {
    root: OwnedFd,
    journals: OwnedFd,
}

fn format_of(fd: &OwnedFd) -> u32 {
    // SAFETY: the kernel fills the struct.
    unsafe {
        let mut about: libc::stat = std::mem::zeroed();
        if libc::fstat(fd.as_raw_fd(), &mut about) == 0 {
            about.st_mode & libc::S_IFMT
        } else {
            0
        }
    }
}

/// Bytes of a file.
pub fn length(fd: &OwnedFd) -> u64 {
    // SAFETY: the kernel fills the struct.
    unsafe {
        let mut about: libc::stat = std::mem::zeroed();
        if libc::fstat(fd.as_raw_fd(), &mut about) == 0 {
            about.st_size.max(0) as u64
        } else {
            0
        }
    }
}

/// Reads into the spare capacity of a vector, from `offset` on; 0 at the end.
pub fn pread_into(fd: &OwnedFd, buffer: &mut Vec<u8>, limit: usize, offset: u64) -> Result<usize, Errno> {
    buffer.clear();
    buffer.reserve_exact(limit);
    // SAFETY: the capacity is owned, and the length is set to what the kernel has filled.
    unsafe {
        let got = check(libc::pread(fd.as_raw_fd(), buffer.as_mut_ptr().cast(), limit, offset as i64) as libc::c_long)?;
        buffer.set_len(got);
        Ok(got)
    }
}

/// Writes parts at `offset`; gives how many bytes went.
pub fn pwritev(fd: &OwnedFd, parts: &[libc::iovec], offset: u64) -> Result<usize, Errno> {
    // SAFETY: every part was made from a live slice by the caller.
    check(unsafe { libc::pwritev(fd.as_raw_fd(), parts.as_ptr(), parts.len() as libc::c_int, offset as i64) } as libc::c_long)
}

/// Cuts a file to this length.
pub fn truncate(fd: &OwnedFd, length: u64) {
    // SAFETY: only the length of an owned file changes.
    unsafe { libc::ftruncate(fd.as_raw_fd(), length as i64) };
}

fn open(dir: &OwnedFd, path: &[u8], flags: libc::c_int) -> Result<OwnedFd, Errno> {
    debug_assert_eq!(path.last(), Some(&0));
    let flags = flags | libc::O_CLOEXEC | libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_NOCTTY;
    // SAFETY: the path ends in NUL; the descriptor is new and known to nobody else.
    let fd = unsafe {
        let fd = check(libc::openat(dir.as_raw_fd(), path.as_ptr().cast(), flags, 0o600).into())?;
        OwnedFd::from_raw_fd(fd as i32)
    };
    if format_of(&fd) == libc::S_IFREG {
        Ok(fd)
    } else {
        Err(libc::EINVAL)
    }
}

fn segment_path(id: &str, number: u32) -> Vec<u8> {
    format!("{}.{}\0", id, number).into_bytes()
}

fn parse_name(name: &str) -> Option<(String, u32)> {
    let (id, number) = name.split_once('.')?;
    let number = number.parse().ok()?;
    if crate::request::is_process_id(id) {
        Some((id.to_string(), number))
    } else {
        None
    }
}

impl ControlDir {
    /// Takes the launcher's directory; none where it is no directory that can be written to.
    pub fn open(root: OwnedFd) -> Option<ControlDir> {
        if format_of(&root) != libc::S_IFDIR {
            return None;
        }
        // SAFETY: the path ends in NUL.
        unsafe { libc::mkdirat(root.as_raw_fd(), JOURNALS.as_ptr().cast(), 0o700) };
        let flags = libc::O_RDONLY | libc::O_DIRECTORY | libc::O_NOFOLLOW;
        let journals = open_at(Some(&root), JOURNALS, flags).ok()?;
        Some(ControlDir { root, journals })
    }

    /// A file of the directory itself, made where it is missing.
    pub fn file(&self, name: &[u8]) -> Result<OwnedFd, Errno> {
        open(&self.root, name, libc::O_RDWR | libc::O_CREAT)
    }

    /// The same, if it is there.
    pub fn existing(&self, name: &[u8]) -> Result<OwnedFd, Errno> {
        open(&self.root, name, libc::O_RDWR)
    }

    pub fn rename(&self, from: &[u8], to: &[u8]) -> Result<(), Errno> {
        let root = self.root.as_raw_fd();
        // SAFETY: both paths end in NUL.
        check(unsafe { libc::renameat(root, from.as_ptr().cast(), root, to.as_ptr().cast()) }.into()).map(drop)
    }

    /// A new, empty segment of a process.
    pub fn make_segment(&self, id: &str, number: u32) -> Result<OwnedFd, Errno> {
        open(&self.journals, &segment_path(id, number), libc::O_RDWR | libc::O_CREAT | libc::O_TRUNC)
    }

    /// A segment in the file of an old one, whose bytes are still there.
    pub fn reuse_segment(&self, id: &str, old: u32, number: u32) -> Result<OwnedFd, Errno> {
        let (from, to) = (segment_path(id, old), segment_path(id, number));
        let dir = self.journals.as_raw_fd();
        // SAFETY: both paths end in NUL.
        check(unsafe { libc::renameat(dir, from.as_ptr().cast(), dir, to.as_ptr().cast()) }.into())?;
        open(&self.journals, &to, libc::O_RDWR)
    }

    pub fn open_segment(&self, id: &str, number: u32) -> Result<OwnedFd, Errno> {
        open(&self.journals, &segment_path(id, number), libc::O_RDONLY)
    }

    pub fn remove_segment(&self, id: &str, number: u32) {
        // SAFETY: the path ends in NUL.
        unsafe { libc::unlinkat(self.journals.as_raw_fd(), segment_path(id, number).as_ptr().cast(), 0) };
    }

    /// The segments that are there, as process and number. What has no such name is removed.
    pub fn segments(&self) -> Vec<(String, u32)> {
        let mut found = Vec::new();
        for name in names(&self.journals) {
            let parsed = std::str::from_utf8(&name).ok().and_then(parse_name);
            match parsed {
                Some(one) if found.len() < MAX_FILES => found.push(one),
                _ => {
                    let path: Vec<u8> = name.into_iter().chain(Some(0)).collect();
                    // SAFETY: the path ends in NUL.
                    unsafe { libc::unlinkat(self.journals.as_raw_fd(), path.as_ptr().cast(), 0) };
                }
            }
        }
        found
    }
}

/// The names in a directory but its own two.
fn names(dir: &OwnedFd) -> Vec<Vec<u8>> {
    let mut names = Vec::new();
    let mut buffer = vec![0u8; 32 * 1024];
    loop {
        // SAFETY: the buffer is valid for its length.
        let got = unsafe { libc::syscall(libc::SYS_getdents64, dir.as_raw_fd(), buffer.as_mut_ptr(), buffer.len()) };
        let end = match check(got) {
            Ok(end) if end > 0 => end,
            _ => return names,
        };
        let mut at = 0;
        // An entry: inode and offset (8 bytes each), its length (2), type (1), name.
        while let Some(entry) = buffer.get(at..end).filter(|entry| entry.len() > 19) {
            let length = usize::from(u16::from_ne_bytes([entry[16], entry[17]]));
            let name: Vec<u8> = entry[19..length.clamp(19, entry.len())].iter().copied().take_while(|byte| *byte != 0).collect();
            if name != b"." && name != b".." {
                names.push(name);
            }
            at += length.max(19);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_start_looks_at_so_many_segments_and_removes_the_others_and_what_is_none() {
        let dir = std::env::temp_dir().join(format!("capsuled-files-{}", std::process::id()));
        let journals = dir.join("j");
        std::fs::create_dir_all(&journals).unwrap();
        let id = format!("pr-{}", "a".repeat(25));
        for number in 0..MAX_FILES + 3 {
            std::fs::File::create(journals.join(format!("{}.{}", id, number))).unwrap();
        }
        std::fs::File::create(journals.join("no-segment")).unwrap();
        let control = ControlDir::open(std::fs::File::open(&dir).unwrap().into()).unwrap();
        assert_eq!(control.segments().len(), MAX_FILES);
        assert_eq!(std::fs::read_dir(&journals).unwrap().count(), MAX_FILES, "what is beyond them is gone");
        assert!(!journals.join("no-segment").exists());
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
