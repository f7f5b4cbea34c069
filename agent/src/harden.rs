//! What the agent does to itself before anything else can run in the capsule.

use crate::sys;
use std::os::unix::io::{AsRawFd, OwnedFd};

/// Capabilities that processes of a capsule may have; the agent keeps no other.
const KEPT: u64 = bit(0) // CHOWN
    | bit(1) // DAC_OVERRIDE
    | bit(3) // FOWNER
    | bit(4) // FSETID
    | bit(5) // KILL
    | bit(6) // SETGID
    | bit(7) // SETUID
    | bit(10) // NET_BIND_SERVICE
    | bit(18) // SYS_CHROOT
    | bit(31); // SETFCAP

const fn bit(capability: u32) -> u64 {
    1 << capability
}

/// What `ps` shows for the agent and what it forks.
const NAME: &[u8] = b"init\0";

#[repr(C)]
struct CapHeader {
    version: u32,
    pid: i32,
}

#[repr(C)]
#[derive(Clone, Copy, Default)]
struct CapData {
    effective: u32,
    permitted: u32,
    inheritable: u32,
}

/// Nobody may read the agent's memory or descriptors, and it can gain nothing by exec.
pub fn close_to_others() {
    // SAFETY: prctl with plain numbers, and a name that ends in NUL.
    unsafe {
        libc::prctl(libc::PR_SET_DUMPABLE, 0, 0, 0, 0);
        libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        libc::prctl(libc::PR_SET_NAME, NAME.as_ptr(), 0, 0, 0);
        libc::syscall(libc::SYS_close_range, 3, u32::MAX, 4 /* CLOSE_RANGE_CLOEXEC */);
        libc::umask(0o022);
    }
}

/// Takes every capability away that processes of a capsule may not have, from the bounding set too.
pub fn drop_capabilities() -> Result<(), sys::Errno> {
    let header = CapHeader { version: 0x2008_0522, pid: 0 };
    let mut data = [CapData::default(); 2];
    // SAFETY: header and data have the kernel's layout for version 3 (two elements).
    unsafe {
        for capability in 0..64u32 {
            if KEPT & bit(capability) == 0 && libc::prctl(libc::PR_CAPBSET_READ, capability, 0, 0, 0) == 1 {
                libc::prctl(libc::PR_CAPBSET_DROP, capability, 0, 0, 0);
            }
        }
        libc::prctl(libc::PR_CAP_AMBIENT, libc::PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
        sys::check(libc::syscall(libc::SYS_capget, &header as *const CapHeader, data.as_mut_ptr()))?;
        for (half, part) in data.iter_mut().enumerate() {
            part.permitted &= (KEPT >> (32 * half)) as u32;
            part.effective = part.permitted;
            part.inheritable = 0;
        }
        sys::check(libc::syscall(libc::SYS_capset, &header as *const CapHeader, data.as_ptr())).map(drop)
    }
}

/// Points standard input, output and error at `null`.
pub fn silence(null: &OwnedFd) {
    for fd in 0..3 {
        // SAFETY: replaces the three standard descriptors, which nothing here owns.
        unsafe { libc::dup2(null.as_raw_fd(), fd) };
    }
}

/// Overwrites the arguments in place, so that no path of the host is shown.
///
/// # Safety
/// `argv` must be what the kernel gave to `main`.
pub unsafe fn hide_arguments(argc: libc::c_int, argv: *mut *mut libc::c_char) {
    for index in 0..argc.max(0) as usize {
        let argument = *argv.add(index);
        let length = libc::strlen(argument);
        for at in 0..length {
            let byte = if index == 0 { NAME.get(at).copied().unwrap_or(0) } else { 0 };
            *argument.add(at) = byte as libc::c_char;
        }
    }
}

/// Takes as many descriptors as are allowed; gives the limits as they were, for the processes.
pub fn raise_descriptor_limit() -> libc::rlimit {
    let mut limit = libc::rlimit { rlim_cur: 1024, rlim_max: 1024 };
    // SAFETY: the kernel fills and reads the struct.
    unsafe {
        libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit);
        let raised = libc::rlimit { rlim_cur: limit.rlim_max, rlim_max: limit.rlim_max };
        libc::setrlimit(libc::RLIMIT_NOFILE, &raised);
    }
    limit
}

/// Keeps the allocator from holding on to memory once a burst of output is over.
pub fn bound_allocator() {
    // SAFETY: sets parameters of the allocator.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, 128 * 1024);
        libc::mallopt(libc::M_TRIM_THRESHOLD, 512 * 1024);
    }
}
