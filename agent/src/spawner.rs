//! The process in the cgroup `work` that makes the children. It holds nothing and knows nothing:
//! the capsule's root may kill it at any time, and the agent makes another.

use crate::board::Board;
use crate::lean::{Places, Task};
use crate::passing;
use crate::raw::{self, Word};
use crate::seccomp::{self, Filter, MAX_STEPS};
use crate::sys::{self, CloneArgs, CLONE_INTO_CGROUP};
use crate::zygote::{self, UNHEARD};
use std::convert::TryInto;
use std::os::unix::io::{AsRawFd, FromRawFd, OwnedFd, RawFd};

/// Descriptors of an order: the child's socket, its stdout and stderr, and its slot if it has one.
pub const ORDER_FDS: usize = 3;

/// Set in the number of an order's cell where a lean child will do.
pub const LEAN: u32 = 1 << 31;

/// What the spawner answers to the order for a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    pub cell: u32,
    /// 0 when there is no child.
    pub pid: i32,
    pub errno: i32,
    /// Whether the child is in its slot.
    pub joined: bool,
}

impl Answer {
    pub const SIZE: usize = 16;

    pub fn encode(&self) -> [u8; Answer::SIZE] {
        let mut out = [0; Answer::SIZE];
        out[..4].copy_from_slice(&self.cell.to_le_bytes());
        out[4..8].copy_from_slice(&self.pid.to_le_bytes());
        out[8..12].copy_from_slice(&self.errno.to_le_bytes());
        out[12] = self.joined.into();
        out
    }

    pub fn decode(bytes: &[u8]) -> Option<Answer> {
        let part = |at: usize| -> Option<[u8; 4]> { bytes.get(at..at + 4)?.try_into().ok() };
        Some(Answer {
            cell: u32::from_le_bytes(part(0)?),
            pid: i32::from_le_bytes(part(4)?),
            errno: i32::from_le_bytes(part(8)?),
            joined: *bytes.get(12)? == 1,
        })
    }
}

/// What the spawner needs of the agent it is a copy of.
pub struct Inheritance<'a> {
    pub board: Board,
    /// The spawner's own filter, without its word.
    pub filter: &'a Filter,
    /// What children that are copies add.
    pub of_copies: &'a Filter,
    pub socket: RawFd,
    pub null: RawFd,
    /// `tasks` files that move the writer into `work`.
    pub tasks: &'a [OwnedFd],
    /// The directory `work`, when the fork did not already happen inside.
    pub join: Option<&'a OwnedFd>,
    pub descriptors: libc::rlimit,
}

/// What no other process has: not the agent, and no child that is a copy.
struct Secret {
    /// By which `clone3` is the spawner's own.
    word: Word,
    /// The filter that knows it.
    steps: [libc::sock_filter; MAX_STEPS],
}

impl Secret {
    fn new() -> Option<&'static mut Secret> {
        let (access, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
        let size = std::mem::size_of::<Secret>();
        // SAFETY: a new mapping that is never unmapped, whose zeros are valid; no copy has it. The word has room for what is written there.
        unsafe {
            let at = libc::mmap(std::ptr::null_mut(), size, access, flags, -1, 0);
            if at == libc::MAP_FAILED || libc::madvise(at, size, libc::MADV_DONTFORK) != 0 {
                return None;
            }
            let secret = &mut *at.cast::<Secret>();
            let length = std::mem::size_of::<Word>();
            (libc::getrandom(secret.word.as_mut_ptr().cast(), length, 0) == length as isize).then(|| secret)
        }
    }
}

/// Serves orders until the agent closes its end.
pub fn run(from: Inheritance<'_>) -> ! {
    let secret = Secret::new().unwrap_or_else(|| sys::exit_now(1));
    enter(&from, secret);
    let word: *const Word = &secret.word;
    let (socket, null) = keep(from.socket, from.null);
    let places = Places::new();
    let mut buffer = [0; 4];
    let mut into_cgroup = true;
    loop {
        let mut fds = Vec::with_capacity(passing::MAX_PASSED);
        match passing::receive_with(&socket, &mut buffer, &mut fds) {
            Ok(4) if fds.len() >= ORDER_FDS => {}
            Err(libc::EINTR) => continue,
            _ => sys::exit_now(0),
        }
        let order = u32::from_le_bytes(buffer);
        let cell = order & !LEAN;
        let child = [fds[0].as_raw_fd(), null.as_raw_fd(), fds[1].as_raw_fd(), fds[2].as_raw_fd()];
        let slot = fds.get(ORDER_FDS).filter(|_| into_cgroup);
        let lean =
            places.as_ref().zip(slot).filter(|_| order & LEAN != 0).and_then(|(places, slot)| {
                places.make(Task { board: from.board, cell: cell as usize, fds: child }, slot.as_raw_fd(), word)
            });
        let made = match lean {
            Some(Ok(pid)) => Ok((pid, true)),
            Some(Err(libc::EAGAIN)) => Err(libc::EAGAIN),
            Some(Err(libc::ENOMEM)) => Err(libc::ENOMEM),
            // A copy does all that a lean child does.
            Some(Err(_)) | None => make(fds.get(ORDER_FDS), &mut into_cgroup, word),
        };
        let answer = match made {
            Ok((0, _)) => zygote::run(from.board, cell as usize, from.of_copies, child),
            Ok((pid, joined)) => Answer { cell, pid, errno: 0, joined },
            Err(errno) => Answer { cell, pid: 0, errno, joined: false },
        };
        while let Err(libc::EINTR) = sys::write(&socket, &answer.encode()) {}
    }
}

fn enter(from: &Inheritance<'_>, secret: &mut Secret) {
    // SAFETY: this process has one thread and touches only its own state.
    unsafe {
        let mut none: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&mut none);
        // Past the C library, which hides two signals that a launcher may have ignored.
        let default = [0u64; 4];
        for signal in 1..=64 {
            libc::syscall(libc::SYS_rt_sigaction, signal, default.as_ptr(), 0, 8);
        }
        for signal in UNHEARD {
            libc::signal(signal, libc::SIG_IGN);
        }
        libc::sigprocmask(libc::SIG_SETMASK, &none, std::ptr::null_mut());
        libc::setrlimit(libc::RLIMIT_NOFILE, &from.descriptors);
        libc::setgroups(0, std::ptr::null());
    }
    for file in from.tasks {
        let _ = sys::write(file, b"0");
    }
    if let Some(work) = from.join {
        let _ = sys::open_at(Some(work), b"cgroup.procs\0", libc::O_WRONLY).and_then(|file| sys::write(&file, b"0"));
    }
    let sealed = from.filter.seal(&secret.word, &mut secret.steps);
    if sealed.map_or(true, |steps| seccomp::install(steps).is_err()) {
        sys::exit_now(1);
    }
}

/// Keeps two descriptors and closes all the others, which are the agent's.
fn keep(socket: RawFd, null: RawFd) -> (OwnedFd, OwnedFd) {
    // SAFETY: nothing else of this process uses descriptors 3 and above from here on.
    unsafe {
        let high = [libc::fcntl(socket, libc::F_DUPFD, 64), libc::fcntl(null, libc::F_DUPFD, 64)];
        let kept = [libc::dup3(high[0], 3, libc::O_CLOEXEC), libc::dup3(high[1], 4, libc::O_CLOEXEC)];
        if kept != [3, 4] {
            sys::exit_now(1);
        }
        sys::close_from(5);
        (OwnedFd::from_raw_fd(3), OwnedFd::from_raw_fd(4))
    }
}

/// Forks a child of the agent, in its slot where it has one: its pid (0 in the child itself) and
/// whether it is in the slot.
fn make(slot: Option<&OwnedFd>, into_cgroup: &mut bool, word: *const Word) -> Result<(i32, bool), sys::Errno> {
    let mut args = CloneArgs { flags: libc::CLONE_PARENT as u64, ..CloneArgs::default() };
    if let (Some(slot), true) = (slot, *into_cgroup) {
        args.flags |= CLONE_INTO_CGROUP;
        args.cgroup = slot.as_raw_fd() as u64;
        // SAFETY: one thread, and memory is copied.
        match unsafe { raw::clone3(&args, word) } {
            Ok(pid) => return Ok((pid, true)),
            Err(libc::EAGAIN) => return Err(libc::EAGAIN),
            Err(libc::ENOMEM) => return Err(libc::ENOMEM),
            // The host does not let children be born elsewhere: they are moved after birth.
            Err(_) => *into_cgroup = false,
        }
        args.flags = libc::CLONE_PARENT as u64;
        args.cgroup = 0;
    }
    // SAFETY: as above.
    let pid = match unsafe { raw::clone3(&args, word) } {
        // Without clone3 at all, clone does the same.
        Err(libc::ENOSYS) | Err(libc::EPERM) => {
            let flags = libc::CLONE_PARENT | libc::SIGCHLD;
            // SAFETY: one thread, memory copied, no new stack.
            sys::check(unsafe { libc::syscall(libc::SYS_clone, flags, 0, 0, 0, 0) })? as i32
        }
        other => other?,
    };
    if pid == 0 {
        return Ok((0, false));
    }
    let joined = slot.map_or(false, |slot| {
        sys::open_at(Some(slot), b"cgroup.procs\0", libc::O_WRONLY).and_then(|file| sys::write(&file, pid.to_string().as_bytes())).is_ok()
    });
    Ok((pid, joined))
}

/// Forks the agent, inside `work` where the host lets it: the child's pid (0 in the child), and whether it was born there.
pub fn fork_into(work: Option<&OwnedFd>) -> (Result<i32, sys::Errno>, bool) {
    let mut args = CloneArgs { exit_signal: libc::SIGCHLD as u64, ..CloneArgs::default() };
    if let Some(work) = work {
        args.flags = CLONE_INTO_CGROUP;
        args.cgroup = work.as_raw_fd() as u64;
    }
    // SAFETY: the agent's other thread never holds a lock of the library's, and memory is copied.
    match unsafe { sys::clone3(&args) } {
        Err(errno) if work.is_some() && errno != libc::EAGAIN && errno != libc::ENOMEM => {
            // SAFETY: as above; a plain fork.
            let plain = sys::check(unsafe { libc::syscall(libc::SYS_clone, libc::SIGCHLD, 0, 0, 0, 0) });
            (plain.map(|pid| pid as i32), false)
        }
        result => (result, work.is_some()),
    }
}
