//! What a process waits for: descriptors, signals, a moment.

use crate::failure::{During, Failure, Result};
use crate::kernel::owned;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::io::{AsRawFd, RawFd};
use std::time::Instant;

/// Blocks these signals; they are read from the descriptor instead.
pub fn signals(which: &[libc::c_int]) -> Result<File> {
    // SAFETY: the set is filled before it is used and outlives the calls.
    let fd = unsafe {
        let mut set = std::mem::zeroed();
        libc::sigemptyset(&mut set);
        for signal in which {
            libc::sigaddset(&mut set, *signal);
        }
        libc::sigprocmask(libc::SIG_BLOCK, &set, std::ptr::null_mut());
        libc::signalfd(-1, &set, libc::SFD_CLOEXEC)
    };
    owned(fd.into(), || "listen to signals".to_string())
}

/// Blocks none. What is blocked in a process is blocked in the programs that it becomes, and in all that those start.
pub fn unblock_signals() {
    // SAFETY: the set is filled before it is used and outlives the call.
    unsafe {
        let mut none = std::mem::zeroed();
        libc::sigemptyset(&mut none);
        libc::sigprocmask(libc::SIG_SETMASK, &none, std::ptr::null_mut());
    }
}

/// The next one that has come.
pub fn next_signal(signals: &mut File) -> Result<libc::c_int> {
    let mut told = [0; std::mem::size_of::<libc::signalfd_siginfo>()];
    signals.read_exact(&mut told).during(|| "read a signal".to_string())?;
    Ok(libc::c_int::from_ne_bytes([told[0], told[1], told[2], told[3]]))
}

/// Waits until one of the descriptors is ready, or until then; tells which are. Those below zero never are.
pub fn poll(which: &[(RawFd, libc::c_short)], until: Option<Instant>) -> Result<Vec<bool>> {
    let mut all: Vec<libc::pollfd> = which.iter().map(|(fd, events)| libc::pollfd { fd: *fd, events: *events, revents: 0 }).collect();
    loop {
        // Up to the next millisecond: one that is too early would come again at once.
        let left =
            until.map_or(-1, |until| until.saturating_duration_since(Instant::now()).as_micros().div_euclid(1000) as libc::c_int + 1);
        // SAFETY: the array outlives the call.
        if unsafe { libc::poll(all.as_mut_ptr(), all.len() as libc::nfds_t, left) } >= 0 {
            return Ok(all.iter().map(|one| one.revents != 0).collect());
        }
        if io::Error::last_os_error().kind() != io::ErrorKind::Interrupted {
            return Err(Failure::last("wait for descriptors"));
        }
    }
}

pub fn nonblocking(file: File) -> Result<File> {
    // SAFETY: no pointers.
    if unsafe { libc::fcntl(file.as_raw_fd(), libc::F_SETFL, libc::O_NONBLOCK) } < 0 {
        return Err(Failure::last("make a pipe that does not block"));
    }
    Ok(file)
}
