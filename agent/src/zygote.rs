//! A child made ahead of time: everything is done but the program it becomes.

use crate::board::{Board, Progress, Step};
use crate::passing;
use crate::program::{self, Encoded, PROGRAM};
use crate::seccomp::Filter;
use crate::sys::{self, Errno};
use crate::terminal;
use crate::worker;
use std::convert::TryInto;
use std::os::unix::io::{AsRawFd, FromRawFd, OwnedFd, RawFd};

/// Signals that a waiting child does not hear, so that a program never dies of one that was sent
/// before it began.
pub const UNHEARD: [i32; 14] = [
    libc::SIGHUP,
    libc::SIGINT,
    libc::SIGQUIT,
    libc::SIGUSR1,
    libc::SIGUSR2,
    libc::SIGPIPE,
    libc::SIGALRM,
    libc::SIGTERM,
    libc::SIGTSTP,
    libc::SIGTTIN,
    libc::SIGTTOU,
    libc::SIGVTALRM,
    libc::SIGPROF,
    libc::SIGIO,
];

/// Where a child has its socket until its program runs.
pub const SOCKET: RawFd = 3;

/// Waits for a program and becomes it.
pub fn run(board: Board, cell: usize, filter: &Filter, fds: [RawFd; 4]) -> ! {
    arrange(fds);
    // SAFETY: the descriptor was put there by `arrange` and has no other owner.
    let socket = unsafe { OwnedFd::from_raw_fd(SOCKET) };
    // SAFETY: no memory is touched; a child of the spawner leads no group yet.
    unsafe { libc::setsid() };
    if filter.install().is_err() {
        sys::exit_now(127);
    }
    let mut passed = Vec::new();
    let bytes = receive(&socket, &mut passed).unwrap_or_default();
    match bytes.split_first() {
        Some((&PROGRAM, rest)) => {
            if let Some(program) = Encoded::read(rest) {
                let (step, errno) = start(board, cell, &program, &socket, passed.first());
                board.set(cell, Progress::Failed(step, errno));
            }
        }
        Some((kind, rest)) => {
            if let (Some(task), Some(connection)) = (worker::Task::from_byte(*kind), passed.pop()) {
                board.set(cell, Progress::Taken);
                // Its end tells the agent that the connection is taken.
                drop(socket);
                worker::serve(task, rest, connection);
            }
        }
        None => {}
    }
    sys::exit_now(127)
}

/// Returns only when it has failed: at which step and why.
fn start(board: Board, cell: usize, program: &Encoded<'_>, socket: &OwnedFd, stdin: Option<&OwnedFd>) -> (Step, Errno) {
    if let Some(stdin) = stdin {
        // SAFETY: replaces standard input by the pipe's read end.
        unsafe { libc::dup2(stdin.as_raw_fd(), 0) };
    }
    if let Some(size) = program.terminal {
        if let Err(errno) = terminal::enter(socket, size, program.uid) {
            return (Step::Terminal, errno);
        }
    }
    become_program(board, cell, program)
}

/// Brings `fds` (socket, stdin, stdout, stderr) to their places and closes everything else.
fn arrange(fds: [RawFd; 4]) {
    // SAFETY: works on the descriptors of this process only; they are moved out of the way of
    // their own targets first.
    unsafe {
        let high: Vec<RawFd> = fds.iter().map(|fd| libc::fcntl(*fd, libc::F_DUPFD, 64)).collect();
        for (target, fd) in [SOCKET, 0, 1, 2].iter().zip(high) {
            if libc::dup2(fd, *target) < 0 {
                sys::exit_now(127);
            }
        }
        libc::fcntl(SOCKET, libc::F_SETFD, libc::FD_CLOEXEC);
    }
    sys::close_from(SOCKET as u32 + 1);
}

/// The program's bytes; none when the agent wants none from this child.
fn receive(socket: &OwnedFd, fds: &mut Vec<OwnedFd>) -> Option<Vec<u8>> {
    let mut first = [0; 8192];
    let got = loop {
        let received = match passing::receive_with(socket, &mut first, fds) {
            // It is in the place of a lean child, which has a pipe.
            Err(libc::ENOTSOCK) => sys::read(socket, &mut first),
            other => other,
        };
        match received {
            Err(libc::EINTR) => {}
            other => break other.ok().filter(|got| *got >= 4)?,
        }
    };
    let length = u32::from_le_bytes(first[..4].try_into().ok()?) as usize;
    let mut bytes = first[4..got].to_vec();
    let mut at = bytes.len();
    bytes.resize(length.max(at), 0);
    while at < length {
        match sys::read(socket, &mut bytes[at..]) {
            Ok(0) => return None,
            Ok(got) => at += got,
            Err(libc::EINTR) => {}
            Err(_) => return None,
        }
    }
    Some(bytes)
}

/// Returns only when it has failed: at which step and why.
fn become_program(board: Board, cell: usize, program: &Encoded<'_>) -> (Step, Errno) {
    if let Err(errno) = change_user(program) {
        return (Step::User, errno);
    }
    // SAFETY: every string ends in NUL, and both arrays in a null pointer.
    unsafe {
        if libc::chdir(program.cwd.as_ptr().cast()) != 0 {
            return (Step::Directory, sys::errno());
        }
        for signal in UNHEARD {
            libc::signal(signal, libc::SIG_DFL);
        }
        let pointers = |strings: &[&[u8]]| {
            strings.iter().map(|text| text.as_ptr().cast()).chain([std::ptr::null()]).collect::<Vec<*const libc::c_char>>()
        };
        let (args, env) = (pointers(&program.args), pointers(&program.env));
        board.set(cell, Progress::Taken);
        (
            Step::Exec,
            program::search(program.cmd, program.path, &mut vec![0; program.path.len() + program.cmd.len() + 1], |path| {
                libc::execve(path.as_ptr().cast(), args.as_ptr(), env.as_ptr());
                sys::errno()
            }),
        )
    }
}

fn change_user(program: &Encoded<'_>) -> Result<(), Errno> {
    if program.uid == 0 && program.gid == 0 && program.groups.is_empty() {
        return Ok(());
    }
    // SAFETY: the list of groups is valid for its length.
    unsafe {
        sys::check(libc::setgroups(program.groups.len(), program.groups.as_ptr()).into())?;
        sys::check(libc::setresgid(program.gid, program.gid, program.gid).into())?;
        sys::check(libc::setresuid(program.uid, program.uid, program.uid).into())?;
    }
    Ok(())
}
