//! Thin, typed forms of the system calls the agent lives on. An error is its errno.

use std::convert::TryFrom;
use std::os::unix::io::{AsRawFd, FromRawFd, OwnedFd, RawFd};

/// A number from errno.h.
pub type Errno = i32;

pub fn errno() -> Errno {
    // SAFETY: the address is valid for as long as the thread is.
    unsafe { *libc::__errno_location() }
}

/// What a system call gave, or its errno.
pub fn check(result: libc::c_long) -> Result<usize, Errno> {
    usize::try_from(result).map_err(|_| errno())
}

fn owned(result: libc::c_long) -> Result<OwnedFd, Errno> {
    let fd = check(result)?;
    // SAFETY: the kernel has just made this descriptor and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as RawFd) })
}

pub fn read(fd: &OwnedFd, buffer: &mut [u8]) -> Result<usize, Errno> {
    // SAFETY: the buffer is valid for its length.
    check(unsafe { libc::read(fd.as_raw_fd(), buffer.as_mut_ptr().cast(), buffer.len()) } as libc::c_long)
}

/// Reads into the spare capacity of an empty vector, so that nothing is zeroed first.
pub fn read_into(fd: &OwnedFd, buffer: &mut Vec<u8>, limit: usize) -> Result<usize, Errno> {
    buffer.clear();
    let room = buffer.capacity().min(limit);
    // SAFETY: the capacity is owned, and the length is set to what the kernel has filled.
    unsafe {
        let got = check(libc::read(fd.as_raw_fd(), buffer.as_mut_ptr().cast(), room) as libc::c_long)?;
        buffer.set_len(got);
        Ok(got)
    }
}

pub fn pread(fd: &OwnedFd, buffer: &mut [u8]) -> Result<usize, Errno> {
    // SAFETY: the buffer is valid for its length.
    check(unsafe { libc::pread(fd.as_raw_fd(), buffer.as_mut_ptr().cast(), buffer.len(), 0) } as libc::c_long)
}

pub fn write(fd: &OwnedFd, bytes: &[u8]) -> Result<usize, Errno> {
    // SAFETY: the bytes are valid for their length.
    check(unsafe { libc::write(fd.as_raw_fd(), bytes.as_ptr().cast(), bytes.len()) } as libc::c_long)
}

/// Sends without raising SIGPIPE and without waiting.
pub fn send(fd: &OwnedFd, bytes: &[u8]) -> Result<usize, Errno> {
    let flags = libc::MSG_NOSIGNAL | libc::MSG_DONTWAIT;
    // SAFETY: the bytes are valid for their length.
    check(unsafe { libc::send(fd.as_raw_fd(), bytes.as_ptr().cast(), bytes.len(), flags) } as libc::c_long)
}

pub fn writev(fd: &OwnedFd, parts: &[libc::iovec]) -> Result<usize, Errno> {
    // SAFETY: every part was made from a live slice by the caller.
    check(unsafe { libc::writev(fd.as_raw_fd(), parts.as_ptr(), parts.len() as libc::c_int) } as libc::c_long)
}

pub fn iovec(bytes: &[u8]) -> libc::iovec {
    libc::iovec { iov_base: bytes.as_ptr() as *mut libc::c_void, iov_len: bytes.len() }
}

/// A pipe, read end first; both ends are blocking and closed by exec.
pub fn pipe() -> Result<(OwnedFd, OwnedFd), Errno> {
    let mut ends = [-1; 2];
    // SAFETY: the array has room for two descriptors.
    check(unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC) }.into())?;
    // SAFETY: both are new and known to nobody else.
    Ok(unsafe { (OwnedFd::from_raw_fd(ends[0]), OwnedFd::from_raw_fd(ends[1])) })
}

/// A pair of unix sockets of this type, closed by exec.
pub fn socket_pair(kind: libc::c_int) -> Result<(OwnedFd, OwnedFd), Errno> {
    let mut ends = [-1; 2];
    // SAFETY: the array has room for two descriptors.
    check(unsafe { libc::socketpair(libc::AF_UNIX, kind | libc::SOCK_CLOEXEC, 0, ends.as_mut_ptr()) }.into())?;
    // SAFETY: both are new and known to nobody else.
    Ok(unsafe { (OwnedFd::from_raw_fd(ends[0]), OwnedFd::from_raw_fd(ends[1])) })
}

pub fn set_nonblocking(fd: &OwnedFd) -> Result<(), Errno> {
    // SAFETY: only flags of an owned descriptor change.
    check(unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_SETFL, libc::O_NONBLOCK) }.into()).map(drop)
}

pub fn set_pipe_size(fd: &OwnedFd, bytes: libc::c_int) -> Result<(), Errno> {
    // SAFETY: only the size of an owned pipe changes.
    check(unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_SETPIPE_SZ, bytes) }.into()).map(drop)
}

/// Bytes that wait to be read; 0 where that cannot be told.
pub fn unread(fd: &OwnedFd) -> usize {
    let mut bytes: libc::c_int = 0;
    // SAFETY: FIONREAD stores one int.
    let result = unsafe { libc::ioctl(fd.as_raw_fd(), libc::FIONREAD, &mut bytes) };
    if result < 0 {
        0
    } else {
        usize::try_from(bytes).unwrap_or(0)
    }
}

pub fn accept(listener: &OwnedFd) -> Result<OwnedFd, Errno> {
    let flags = libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
    // SAFETY: no address is asked for.
    let fd = unsafe { libc::accept4(listener.as_raw_fd(), std::ptr::null_mut(), std::ptr::null_mut(), flags) };
    owned(fd.into())
}

/// The pid of a connection's other end as this process sees it: 0 for one outside its namespace.
pub fn peer_pid(fd: &OwnedFd) -> Result<i32, Errno> {
    // SAFETY: a ucred of zeros is valid, and the kernel fills at most its size.
    unsafe {
        let mut peer: libc::ucred = std::mem::zeroed();
        let mut size = std::mem::size_of::<libc::ucred>() as libc::socklen_t;
        let at = (&mut peer as *mut libc::ucred).cast();
        check(libc::getsockopt(fd.as_raw_fd(), libc::SOL_SOCKET, libc::SO_PEERCRED, at, &mut size).into())?;
        Ok(peer.pid)
    }
}

/// Opens `path`, relative to `dir` where one is given.
pub fn open_at(dir: Option<&OwnedFd>, path: &[u8], flags: libc::c_int) -> Result<OwnedFd, Errno> {
    debug_assert_eq!(path.last(), Some(&0));
    let at = dir.map_or(libc::AT_FDCWD, |dir| dir.as_raw_fd());
    // SAFETY: the path ends in NUL.
    owned(unsafe { libc::openat(at, path.as_ptr().cast(), flags | libc::O_CLOEXEC) }.into())
}

pub fn duplicate(fd: &OwnedFd) -> Result<OwnedFd, Errno> {
    // SAFETY: only duplicates an owned descriptor.
    owned(unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_DUPFD_CLOEXEC, 3) }.into())
}

/// Closes `first` and everything above it.
pub fn close_from(first: u32) {
    // SAFETY: the caller owns none of them any more, or is about to exec.
    unsafe {
        if libc::syscall(libc::SYS_close_range, first, u32::MAX, 0) != 0 {
            for fd in first as i32..65536 {
                libc::close(fd);
            }
        }
    }
}

/// Whether the other end of a socket is closed, also while what it has sent is not read yet.
pub fn peer_is_gone(fd: &OwnedFd) -> bool {
    let mut polled = libc::pollfd { fd: fd.as_raw_fd(), events: 0, revents: 0 };
    // SAFETY: one entry, which outlives the call; it does not wait.
    unsafe { libc::poll(&mut polled, 1, 0) > 0 && polled.revents & (libc::POLLHUP | libc::POLLERR) != 0 }
}

/// Waits until something can be read, if only the end of it; false when nothing could within that time.
pub fn is_readable_within(fd: &OwnedFd, milliseconds: libc::c_int) -> bool {
    let mut polled = libc::pollfd { fd: fd.as_raw_fd(), events: libc::POLLIN, revents: 0 };
    // SAFETY: one entry, which outlives the call.
    unsafe { libc::poll(&mut polled, 1, milliseconds) > 0 }
}

/// Signals another process; one that is gone by then is no error to anyone here.
pub fn kill(pid: i32, signal: i32) {
    // SAFETY: no memory is touched.
    unsafe { libc::kill(pid, signal) };
}

/// What `clone3` takes, as far as version 2 of it goes (Linux 5.7).
#[repr(C)]
#[derive(Default)]
pub struct CloneArgs {
    pub flags: u64,
    pub pidfd: u64,
    pub child_tid: u64,
    pub parent_tid: u64,
    pub exit_signal: u64,
    pub stack: u64,
    pub stack_size: u64,
    pub tls: u64,
    pub set_tid: u64,
    pub set_tid_size: u64,
    pub cgroup: u64,
}

pub const CLONE_INTO_CGROUP: u64 = 0x2_0000_0000;

/// A fork with its flags; 0 in the child.
///
/// # Safety
/// No other thread of the process may use the C library, and the flags must not share memory.
pub unsafe fn clone3(args: &CloneArgs) -> Result<i32, Errno> {
    let size = std::mem::size_of::<CloneArgs>();
    check(libc::syscall(libc::SYS_clone3, args as *const CloneArgs, size)).map(|pid| pid as i32)
}

/// Ends this process without running anything of it.
pub fn exit_now(code: i32) -> ! {
    // SAFETY: does not return.
    unsafe { libc::_exit(code) }
}
