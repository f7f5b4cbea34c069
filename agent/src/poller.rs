//! epoll, with tokens that name an object and never a later one in its place.

use crate::slab::Key;
use crate::sys::{self, check, Errno};
use std::convert::TryInto;
use std::os::unix::io::{AsRawFd, FromRawFd, OwnedFd};

/// What an event is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    Listener,
    Signals,
    Spawner,
    Connection,
    Zygote,
    Stdout,
    Stderr,
    Stdin,
    Lines,
}

const SOURCES: [Source; 9] = [
    Source::Listener,
    Source::Signals,
    Source::Spawner,
    Source::Connection,
    Source::Zygote,
    Source::Stdout,
    Source::Stderr,
    Source::Stdin,
    Source::Lines,
];

/// Events taken at once.
const BATCH: usize = 64;
/// `SI_USER`, which the crate lacks: sent by `kill`, so that the sender's number is the kernel's.
const BY_KILL: i32 = 0;
/// Bytes of a `signalfd_siginfo`.
const SIGNAL_SIZE: usize = 128;

pub const READABLE: u32 = libc::EPOLLIN as u32;
pub const WRITABLE: u32 = libc::EPOLLOUT as u32;
pub const PEER_GONE: u32 = (libc::EPOLLRDHUP | libc::EPOLLHUP | libc::EPOLLERR) as u32;
pub const EDGE: u32 = libc::EPOLLET as u32;
/// What a socket is watched for while nothing waits to be written: room in it would only wake the loop.
pub const QUIET: u32 = READABLE | PEER_GONE | EDGE;
/// While something waits.
pub const FULL: u32 = QUIET | WRITABLE;

#[derive(Clone, Copy, Debug)]
pub struct Event {
    pub source: Source,
    pub key: Key,
    pub flags: u32,
}

pub struct Poller {
    epoll: OwnedFd,
    batch: Vec<libc::epoll_event>,
}

impl Poller {
    pub fn new() -> Result<Poller, Errno> {
        // SAFETY: makes a new descriptor.
        let fd = check(unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) }.into())?;
        // SAFETY: it is new and known to nobody else.
        let epoll = unsafe { OwnedFd::from_raw_fd(fd as i32) };
        Ok(Poller { epoll, batch: vec![libc::epoll_event { events: 0, u64: 0 }; BATCH] })
    }

    /// Watches a descriptor until it is closed.
    pub fn add(&self, fd: &OwnedFd, flags: u32, source: Source, key: Key) -> Result<(), Errno> {
        self.control(libc::EPOLL_CTL_ADD, fd, flags, source, key)
    }

    fn control(&self, operation: libc::c_int, fd: &OwnedFd, flags: u32, source: Source, key: Key) -> Result<(), Errno> {
        let kind = SOURCES.iter().position(|one| *one == source).unwrap_or(0) as u64;
        let token = kind << 56 | u64::from(key.generation & 0xff_ffff) << 32 | u64::from(key.index);
        let mut event = libc::epoll_event { events: flags, u64: token };
        // SAFETY: the kernel copies the event.
        check(unsafe { libc::epoll_ctl(self.epoll.as_raw_fd(), operation, fd.as_raw_fd(), &mut event) }.into()).map(drop)
    }

    /// Watches it for other events from here on, those of now included.
    pub fn change(&self, fd: &OwnedFd, flags: u32, source: Source, key: Key) -> Result<(), Errno> {
        self.control(libc::EPOLL_CTL_MOD, fd, flags, source, key)
    }

    /// Stops watching a descriptor that lives on elsewhere.
    pub fn remove(&self, fd: &OwnedFd) {
        // SAFETY: the event is ignored.
        unsafe { libc::epoll_ctl(self.epoll.as_raw_fd(), libc::EPOLL_CTL_DEL, fd.as_raw_fd(), std::ptr::null_mut()) };
    }

    /// Waits at most `timeout_ms` (for ever below 0).
    pub fn wait(&mut self, timeout_ms: i32, out: &mut Vec<Event>) {
        out.clear();
        let capacity = self.batch.len() as i32;
        // SAFETY: the batch has room for as many events as are asked for.
        let got = unsafe { libc::epoll_wait(self.epoll.as_raw_fd(), self.batch.as_mut_ptr(), capacity, timeout_ms) };
        for event in self.batch.iter().take(usize::try_from(got).unwrap_or(0)) {
            let token = event.u64;
            if let Some(source) = SOURCES.get((token >> 56) as usize) {
                let key = Key { index: token as u32, generation: (token >> 32) as u32 & 0xff_ffff };
                out.push(Event { source: *source, key, flags: event.events });
            }
        }
    }
}

/// A descriptor that becomes readable when a child changes or SIGTERM comes; blocks both signals, ignores SIGPIPE.
pub fn signals() -> Result<OwnedFd, Errno> {
    // SAFETY: the set is initialised before it is used; at its beginning this process has one thread.
    unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&mut set);
        libc::sigaddset(&mut set, libc::SIGCHLD);
        libc::sigaddset(&mut set, libc::SIGTERM);
        libc::sigprocmask(libc::SIG_BLOCK, &set, std::ptr::null_mut());
        libc::signal(libc::SIGPIPE, libc::SIG_IGN);
        let fd = check(libc::signalfd(-1, &set, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK).into())?;
        Ok(OwnedFd::from_raw_fd(fd as i32))
    }
}

/// Empties the descriptor of `signals`; true when the host has sent SIGTERM. What the capsule sends itself counts for nothing: a sender
/// of its own has a number there. Where no more signals find room the kernel leaves out who sent one: all of it is 0 then, the user too,
/// and none of the host's users has that number in a capsule.
pub fn clear_signals(fd: &OwnedFd) -> bool {
    let mut buffer = [0; SIGNAL_SIZE * 4];
    let mut host_ends = false;
    loop {
        let got = sys::read(fd, &mut buffer).unwrap_or(0);
        host_ends |= buffer[..got].chunks_exact(SIGNAL_SIZE).any(is_from_host);
        if got < buffer.len() {
            return host_ends;
        }
    }
}

/// Whether a `signalfd_siginfo` tells of a SIGTERM by `kill` whose sender, and its user, are of outside this namespace.
fn is_from_host(told: &[u8]) -> bool {
    let field = |index: usize| told.get(index * 4..index * 4 + 4).and_then(|bytes| bytes.try_into().ok()).map_or(-1, i32::from_ne_bytes);
    field(0) == libc::SIGTERM && field(2) == BY_KILL && field(3) == 0 && field(4) != 0
}
