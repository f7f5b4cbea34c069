//! The mapping of owners: files are stored as owned by 0..65535, and each capsule sees them through its own range.

use crate::failure::{During, Failure, Result};
use crate::kernel::{self, Forked};
use std::fs::{self, File};
use std::io::{Read, Write};

/// Uids and gids in a capsule's range.
pub const RANGE: u32 = 65_536;

/// A user namespace that maps 0..65535 to the range at `base`. The second extent gives the host's root an image, without
/// which overlayfs cannot make its own files in an idmapped upper layer and falls back to read-only.
pub fn namespace(base: u32) -> Result<File> {
    let (mut ready, tell_ready) = kernel::pipe()?;
    let (mut go_on, tell_go_on) = kernel::pipe()?;
    match kernel::fork(None)? {
        Forked::Child => {
            drop(tell_go_on);
            let unshared = kernel::unshare(libc::CLONE_NEWUSER, "make a user namespace").is_ok();
            let mut tell = tell_ready;
            let told = tell.write_all(&[u8::from(unshared)]).is_ok();
            // The namespace must live until the parent has opened it: its end of the pipe says so by closing.
            let _ = go_on.read(&mut [0]);
            kernel::exit_child(if unshared && told { 0 } else { 1 });
        }
        Forked::Parent(child) => {
            drop(tell_ready);
            drop(go_on);
            let made = map_and_open(child, base, &mut ready);
            drop(tell_go_on);
            kernel::wait(child)?;
            made
        }
    }
}

fn map_and_open(child: libc::pid_t, base: u32, ready: &mut File) -> Result<File> {
    let mut answer = [0];
    ready.read_exact(&mut answer).during(|| "wait for the user namespace".to_string())?;
    if answer != [1] {
        return Err(Failure::new("make a user namespace", "the kernel refused; see user.max_user_namespaces"));
    }
    let map = format!("0 {} {}\n{} 0 1\n", base, RANGE, RANGE);
    for file in ["uid_map", "gid_map"] {
        fs::write(format!("/proc/{}/{}", child, file), &map).during(|| format!("write {}", file))?;
    }
    File::open(format!("/proc/{}/ns/user", child)).during(|| "open the user namespace".to_string())
}
