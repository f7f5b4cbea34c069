//! A file that is not there before it is whole: it has no name, or a hidden one, until it is
//! published, and goes when it is not.

use super::calls;
use super::path::text;
use crate::sys::Errno;
use std::ffi::{CStr, CString};
use std::os::unix::io::OwnedFd;

pub struct Draft<'a> {
    dir: &'a OwnedFd,
    pub file: OwnedFd,
    /// Its name, where the file system has no files without one.
    hidden: Option<CString>,
}

const HIDDEN: &[u8] = b".capsuled-";
const DIGITS: usize = 16;

/// A name that nobody else has.
pub fn hidden_name() -> CString {
    let mut name = HIDDEN.to_vec();
    name.extend_from_slice(format!("{:01$x}", calls::random(), DIGITS).as_bytes());
    text(&name)
}

/// Whether something has its name only until it is published.
pub fn is_hidden(name: &[u8]) -> bool {
    let digits = name.strip_prefix(HIDDEN).unwrap_or(b"");
    digits.len() == DIGITS && digits.iter().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
}

impl<'a> Draft<'a> {
    /// An empty file, to be published in `dir`.
    pub fn new(dir: &'a OwnedFd) -> Result<Draft<'a>, Errno> {
        match calls::open(dir, &calls::dot(), libc::O_TMPFILE | libc::O_WRONLY, 0o600) {
            Ok(file) => return Ok(Draft { dir, file, hidden: None }),
            Err(libc::EOPNOTSUPP) | Err(libc::EISDIR) | Err(libc::EINVAL) => {}
            Err(errno) => return Err(errno),
        }
        let name = hidden_name();
        let file = calls::open(dir, &name, libc::O_CREAT | libc::O_EXCL | libc::O_WRONLY | libc::O_NOFOLLOW, 0o600)?;
        Ok(Draft { dir, file, hidden: Some(name) })
    }

    /// Gives it its name; what has it already is replaced only if `replace`, else EEXIST.
    pub fn publish(mut self, name: &CStr, replace: bool) -> Result<(), Errno> {
        if self.hidden.is_none() {
            match calls::link_file(&self.file, self.dir, name) {
                Err(libc::EEXIST) if replace => {
                    let hidden = hidden_name();
                    calls::link_file(&self.file, self.dir, &hidden)?;
                    self.hidden = Some(hidden);
                }
                other => return other,
            }
        }
        match &self.hidden {
            Some(hidden) => calls::rename((self.dir, hidden), (self.dir, name), replace)?,
            None => {}
        }
        self.hidden = None;
        Ok(())
    }
}

impl Drop for Draft<'_> {
    fn drop(&mut self) {
        if let Some(hidden) = &self.hidden {
            let _ = calls::unlink(self.dir, hidden);
        }
    }
}
