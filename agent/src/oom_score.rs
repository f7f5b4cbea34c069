//! Whom the kernel ends first when memory is short: what the capsule runs, before the agent.

use crate::sys;
use std::os::unix::io::{AsRawFd, FromRawFd, OwnedFd};

const OF_CHILDREN: &[u8] = b"500";
/// Above the descriptors that a launcher gives.
const MIN_DESCRIPTOR: libc::c_int = 256;

/// The agent's own score, which a fork inherits. A process that nobody may read cannot open its own file in a user namespace
/// other than the host's, so this one is opened before the agent closes itself to others, and children never open theirs.
pub struct OomScore {
    file: OwnedFd,
    own: Vec<u8>,
}

impl OomScore {
    /// None where the kernel lets nobody set it.
    pub fn open() -> Option<OomScore> {
        let file = sys::open_at(None, b"/proc/self/oom_score_adj\0", libc::O_RDWR).ok()?;
        // SAFETY: makes a new descriptor, which nobody else knows.
        let file = unsafe {
            let high = sys::check(libc::fcntl(file.as_raw_fd(), libc::F_DUPFD_CLOEXEC, MIN_DESCRIPTOR).into()).ok()?;
            OwnedFd::from_raw_fd(high as i32)
        };
        let mut own = vec![0; 16];
        let length = sys::pread(&file, &mut own).ok()?;
        own.truncate(length);
        Some(OomScore { file, own })
    }

    /// What is forked while `fork` runs has the children's score for good.
    pub fn while_forking<T>(&self, fork: impl FnOnce() -> T) -> T {
        let _ = sys::write(&self.file, OF_CHILDREN);
        let forked = fork();
        let _ = sys::write(&self.file, &self.own);
        forked
    }
}
