//! `dial`: a connection to a port of the capsule's own loopback, passed through byte for byte.

use super::channel::Channel;
use super::stop::Stop;
use crate::frame::Kind;
use crate::refusal::{Code, Refusal};
use crate::request::{number, Object};
use crate::sys::{self, check, Errno};
use serde_json::json;
use std::os::unix::io::{AsRawFd, FromRawFd, OwnedFd};

/// Seconds in which the port must answer.
pub const MAX_CONNECT_S: u64 = 5;
/// Bytes that are held for each direction.
pub const BUFFER: usize = 64 * 1024;

fn socket(family: i32) -> Result<OwnedFd, Errno> {
    let kind = libc::SOCK_STREAM | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
    // SAFETY: makes a new descriptor, which nobody else knows.
    unsafe { check(libc::socket(family, kind, 0).into()).map(|fd| OwnedFd::from_raw_fd(fd as i32)) }
}

fn wait(fds: &mut [libc::pollfd], timeout_ms: i32) -> Result<usize, Errno> {
    // SAFETY: the array is valid for its length.
    check(unsafe { libc::poll(fds.as_mut_ptr(), fds.len() as libc::nfds_t, timeout_ms) }.into())
}

/// Connects until `end` (monotonic).
fn connect(port: u16, family: i32, end: u64) -> Result<OwnedFd, Errno> {
    let socket = socket(family)?;
    // SAFETY: each address is a struct of the size that is told, zero but for what is set.
    let result = unsafe {
        if family == libc::AF_INET {
            let mut address: libc::sockaddr_in = std::mem::zeroed();
            address.sin_family = family as libc::sa_family_t;
            address.sin_port = port.to_be();
            address.sin_addr.s_addr = u32::from(std::net::Ipv4Addr::LOCALHOST).to_be();
            let size = std::mem::size_of::<libc::sockaddr_in>() as libc::socklen_t;
            libc::connect(socket.as_raw_fd(), (&address as *const libc::sockaddr_in).cast(), size)
        } else {
            let mut address: libc::sockaddr_in6 = std::mem::zeroed();
            address.sin6_family = family as libc::sa_family_t;
            address.sin6_port = port.to_be();
            address.sin6_addr.s6_addr = std::net::Ipv6Addr::LOCALHOST.octets();
            let size = std::mem::size_of::<libc::sockaddr_in6>() as libc::socklen_t;
            libc::connect(socket.as_raw_fd(), (&address as *const libc::sockaddr_in6).cast(), size)
        }
    };
    match check(result.into()) {
        Ok(_) => return Ok(socket),
        Err(libc::EINPROGRESS) => {}
        Err(errno) => return Err(errno),
    }
    let left = end.saturating_sub(crate::clock::monotonic()) / crate::clock::MS;
    let mut fds = [libc::pollfd { fd: socket.as_raw_fd(), events: libc::POLLOUT, revents: 0 }];
    if wait(&mut fds, left as i32)? == 0 {
        return Err(libc::ETIMEDOUT);
    }
    let mut errno: libc::c_int = 0;
    let mut size = std::mem::size_of::<libc::c_int>() as libc::socklen_t;
    // SAFETY: the option's value is an int.
    unsafe { libc::getsockopt(socket.as_raw_fd(), libc::SOL_SOCKET, libc::SO_ERROR, (&mut errno as *mut i32).cast(), &mut size) };
    if errno == 0 {
        Ok(socket)
    } else {
        Err(errno)
    }
}

pub fn run(channel: &mut Channel, object: &Object) -> Result<(), Stop> {
    let port = number(object, "port", 0)? as u16;
    let end = crate::clock::monotonic() + MAX_CONNECT_S * crate::clock::SECOND;
    let tried = connect(port, libc::AF_INET, end).or_else(|first| connect(port, libc::AF_INET6, end).map_err(|second| (first, second)));
    let socket = tried.map_err(|(first, second)| match (first, second) {
        (libc::ETIMEDOUT, _) | (_, libc::ETIMEDOUT) => {
            Refusal::new(Code::Timeout, format!("port {} did not answer in {} s", port, MAX_CONNECT_S))
        }
        _ => Refusal::new(Code::Refused, format!("nothing listens on port {}", port)),
    })?;
    let one: libc::c_int = 1;
    let size = std::mem::size_of::<libc::c_int>() as libc::socklen_t;
    // SAFETY: the option's value is an int.
    unsafe { libc::setsockopt(socket.as_raw_fd(), libc::IPPROTO_TCP, libc::TCP_NODELAY, (&one as *const i32).cast(), size) };
    channel.send_json(Kind::Result, &json!({}))?;
    pass(channel, &socket);
    Ok(())
}

/// One direction.
struct Way<'a> {
    from: &'a OwnedFd,
    to: &'a OwnedFd,
    buffer: Vec<u8>,
    at: usize,
    /// The sender has ended.
    ended: bool,
    /// The receiver has been told so, or takes nothing any more.
    done: bool,
}

impl<'a> Way<'a> {
    fn new(from: &'a OwnedFd, to: &'a OwnedFd, buffer: Vec<u8>) -> Way<'a> {
        Way { from, to, buffer, at: 0, ended: false, done: false }
    }

    fn held(&self) -> usize {
        self.buffer.len() - self.at
    }

    /// Moves what can be moved; false where an end is broken.
    fn step(&mut self) -> bool {
        if self.held() == 0 && !self.ended {
            self.at = 0;
            self.buffer.resize(BUFFER, 0);
            let got = sys::read(self.from, &mut self.buffer);
            self.buffer.truncate(*got.as_ref().unwrap_or(&0));
            match got {
                Ok(0) => self.ended = true,
                Ok(_) | Err(libc::EAGAIN) | Err(libc::EINTR) => {}
                Err(_) => return false,
            }
        }
        while self.held() > 0 {
            match sys::send(self.to, &self.buffer[self.at..]) {
                Ok(sent) => self.at += sent,
                Err(libc::EAGAIN) => return true,
                Err(libc::EINTR) => {}
                Err(_) => return false,
            }
        }
        if self.ended && !self.done {
            self.done = true;
            // SAFETY: only ends the sending half of an owned socket.
            unsafe { libc::shutdown(self.to.as_raw_fd(), libc::SHUT_WR) };
        }
        true
    }
}

/// Passes bytes both ways, and the end of each way, until both have ended.
fn pass(channel: &mut Channel, port: &OwnedFd) {
    let first = channel.take_input();
    let host = &channel.socket;
    let _ = sys::set_nonblocking(host);
    let mut ways = [Way::new(host, port, first), Way::new(port, host, Vec::new())];
    let mut gone = false;
    loop {
        let whole = ways.iter_mut().all(|way| way.done || way.step());
        if !whole || ways.iter().all(|way| way.done) || (gone && ways[0].done) {
            return;
        }
        let (up, down) = (&ways[0], &ways[1]);
        let events = |read: &Way<'_>, write: &Way<'_>| {
            let wants_in = !read.ended && read.held() == 0;
            let wants_out = write.held() > 0;
            (if wants_in { libc::POLLIN } else { 0 }) | (if wants_out { libc::POLLOUT } else { 0 })
        };
        // A descriptor from which nothing is wanted is left out: its end alone would wake for ever.
        let watched = |fd: &OwnedFd, events: i16| libc::pollfd { fd: if events == 0 { -1 } else { fd.as_raw_fd() }, events, revents: 0 };
        let mut fds = [watched(host, events(up, down)), watched(port, events(down, up))];
        if !gone {
            // But the host's: once it has closed the connection, only what it has sent still matters.
            fds[0].fd = host.as_raw_fd();
        }
        let _ = wait(&mut fds, -1);
        gone |= fds[0].revents & (libc::POLLHUP | libc::POLLERR) != 0;
    }
}
