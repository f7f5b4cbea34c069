//! Messages that carry descriptors over a unix socket.

use crate::sys::{check, Errno};
use std::os::unix::io::{AsRawFd, FromRawFd, OwnedFd, RawFd};

/// Most descriptors in one message.
pub const MAX_PASSED: usize = 4;
const CONTROL: usize = 64;

#[repr(align(8))]
struct Control([u8; CONTROL]);

/// Sends `bytes` with `fds`, without waiting; gives how many bytes went.
pub fn send_with(socket: &OwnedFd, bytes: &[u8], fds: &[RawFd]) -> Result<usize, Errno> {
    let mut control = Control([0; CONTROL]);
    let mut part = libc::iovec { iov_base: bytes.as_ptr() as *mut libc::c_void, iov_len: bytes.len() };
    let size = std::mem::size_of::<RawFd>() * fds.len().min(MAX_PASSED);
    // SAFETY: the control buffer is aligned and has room for four descriptors and their header.
    unsafe {
        let mut message: libc::msghdr = std::mem::zeroed();
        message.msg_iov = &mut part;
        message.msg_iovlen = 1;
        if size > 0 {
            message.msg_control = control.0.as_mut_ptr().cast();
            message.msg_controllen = libc::CMSG_SPACE(size as u32) as _;
            let head = libc::CMSG_FIRSTHDR(&message);
            (*head).cmsg_level = libc::SOL_SOCKET;
            (*head).cmsg_type = libc::SCM_RIGHTS;
            (*head).cmsg_len = libc::CMSG_LEN(size as u32) as _;
            std::ptr::copy_nonoverlapping(fds.as_ptr().cast::<u8>(), libc::CMSG_DATA(head), size);
        }
        let flags = libc::MSG_NOSIGNAL | libc::MSG_DONTWAIT;
        check(libc::sendmsg(socket.as_raw_fd(), &message, flags) as libc::c_long)
    }
}

/// Waits for a message; gives its bytes' number and puts its descriptors, closed by exec, in `fds`.
pub fn receive_with(socket: &OwnedFd, buffer: &mut [u8], fds: &mut Vec<OwnedFd>) -> Result<usize, Errno> {
    let mut control = Control([0; CONTROL]);
    let mut part = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
    // SAFETY: all buffers outlive the call; what the kernel put into the control buffer is read
    // by its own macros, and each descriptor in it is new and ours.
    unsafe {
        let mut message: libc::msghdr = std::mem::zeroed();
        message.msg_iov = &mut part;
        message.msg_iovlen = 1;
        message.msg_control = control.0.as_mut_ptr().cast();
        message.msg_controllen = CONTROL as _;
        let got = check(libc::recvmsg(socket.as_raw_fd(), &mut message, libc::MSG_CMSG_CLOEXEC) as libc::c_long)?;
        let head = libc::CMSG_FIRSTHDR(&message);
        if !head.is_null() && (*head).cmsg_type == libc::SCM_RIGHTS {
            let size = (*head).cmsg_len as usize - libc::CMSG_LEN(0) as usize;
            let data = libc::CMSG_DATA(head).cast::<RawFd>();
            for index in 0..size / std::mem::size_of::<RawFd>() {
                fds.push(OwnedFd::from_raw_fd(data.add(index).read_unaligned()));
            }
        }
        Ok(got)
    }
}
