//! Terminals: a child opens a new one in the capsule and passes the master's end to the agent over
//! its own socket. The agent opens nothing of the capsule's itself, where `/dev/ptmx` may be anything.

use crate::passing;
use crate::sys::{self, check, Errno};
use std::os::unix::io::{AsRawFd, FromRawFd, OwnedFd};

/// Columns and rows.
pub type Size = (u16, u16);

/// Most columns, and most rows.
pub const MAX_SIZE: u64 = 1000;
/// What a terminal is said to be, where the environment says nothing.
pub const TERM: &str = "TERM=xterm-256color";
/// Milliseconds until typing is tried again that a full terminal did not take.
pub const RETRY_MS: u64 = 20;

/// The device number of every /dev/ptmx.
const PTMX: (u32, u32) = (5, 2);
const TIOCGPTPEER: libc::c_ulong = 0x5441;

/// A new terminal: its master's end, which does not block, and the end of the processes.
fn open(size: Size) -> Result<(OwnedFd, OwnedFd), Errno> {
    let master = sys::open_at(None, b"/dev/ptmx\0", libc::O_RDWR | libc::O_NOCTTY | libc::O_NONBLOCK)?;
    // SAFETY: the kernel fills the struct; the ioctls take an int, and flags by value.
    unsafe {
        let mut about: libc::stat = std::mem::zeroed();
        check(libc::fstat(master.as_raw_fd(), &mut about).into())?;
        let device = (libc::major(about.st_rdev) as u32, libc::minor(about.st_rdev) as u32);
        if about.st_mode & libc::S_IFMT != libc::S_IFCHR || device != PTMX {
            return Err(libc::ENODEV);
        }
        let unlocked: libc::c_int = 0;
        check(libc::ioctl(master.as_raw_fd(), libc::TIOCSPTLCK, &unlocked).into())?;
        let flags = libc::O_RDWR | libc::O_NOCTTY | libc::O_CLOEXEC;
        let peer = check(libc::ioctl(master.as_raw_fd(), TIOCGPTPEER, flags).into())?;
        resize(&master, size)?;
        Ok((master, OwnedFd::from_raw_fd(peer as i32)))
    }
}

/// Makes a new terminal the one of this session and its standard input, output and error, and
/// passes the other end over `socket`.
pub fn enter(socket: &OwnedFd, size: Size, uid: u32) -> Result<(), Errno> {
    let (master, peer) = open(size)?;
    // SAFETY: works on descriptors of this process only, which leads its session.
    unsafe {
        if uid != 0 {
            check(libc::fchown(peer.as_raw_fd(), uid, u32::MAX).into())?;
        }
        check(libc::ioctl(peer.as_raw_fd(), libc::TIOCSCTTY, 0).into())?;
        for place in 0..3 {
            check(libc::dup2(peer.as_raw_fd(), place).into())?;
        }
    }
    passing::send_with(socket, b"t", &[master.as_raw_fd()]).map(drop)
}

/// The master's end that a child has passed.
pub fn take(socket: &OwnedFd) -> Option<OwnedFd> {
    let (mut byte, mut passed) = ([0], Vec::new());
    passing::receive_with(socket, &mut byte, &mut passed).ok()?;
    passed.pop()
}

pub fn resize(master: &OwnedFd, (cols, rows): Size) -> Result<(), Errno> {
    let size = libc::winsize { ws_row: rows, ws_col: cols, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: the ioctl reads one struct.
    check(unsafe { libc::ioctl(master.as_raw_fd(), libc::TIOCSWINSZ, &size) }.into()).map(drop)
}

/// What is typed for the end of input: ^D, or what it was changed to; twice behind a line that has
/// begun, as the first one only gives that to its reader.
pub fn end_of_input(master: &OwnedFd, in_line: bool) -> Vec<u8> {
    // SAFETY: a termios of zeros is valid, and the kernel fills it.
    let (known, about) = unsafe {
        let mut about: libc::termios = std::mem::zeroed();
        (libc::tcgetattr(master.as_raw_fd(), &mut about) == 0, about)
    };
    let key = if known { about.c_cc[libc::VEOF] } else { 4 };
    let by_lines = known && about.c_lflag & libc::ICANON != 0;
    vec![key; if by_lines && in_line { 2 } else { 1 }]
}
