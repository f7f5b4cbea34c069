//! The descriptors that the agent starts with, in the order that its protocol gives them.

use crate::cgroups::Groups;
use crate::failure::{During, Failure, Result};
use crate::kernel::{self, MOUNT_ATTR_NODEV, MOUNT_ATTR_NOEXEC, MOUNT_ATTR_NOSUID};
use crate::spec::Spec;
use serde_json::json;
use std::fs::{self, File, Permissions};
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::io::{AsRawFd, FromRawFd};

/// Connections that wait while the agent is busy or frozen: as many as it serves at most.
const BACKLOG: i32 = 1024;

/// Number of the first one.
pub const FIRST: i32 = 3;

/// Takes what it needs out of `groups`. All are numbered far above their places, so that placing one never closes another.
pub fn collect(spec: &Spec, groups: &mut Groups) -> Result<Vec<File>> {
    let joins = std::mem::take(&mut groups.joins);
    let settings = json!({ "capsule": spec.capsule, "secret": spec.secret, "join": joins.len(), "previous": spec.previous }).to_string();
    let control = kernel::clone_tree(&spec.control_dir)?;
    kernel::set_attributes(&control, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC, None)?;
    let copy = |file: &File, name: &str| file.try_clone().during(|| format!("copy the descriptor of {}", name));
    let mut all = vec![
        listen(&spec.socket)?,
        control,
        kernel::open_path(&spec.agent_binary)?,
        copy(&groups.work, "the work cgroup")?,
        copy(&groups.oom_counter, "the OOM counter")?,
        kernel::sealed_memory("settings", settings.as_bytes())?,
    ];
    all.extend(joins);
    all.into_iter().map(|file| kernel::raise(file, 100)).collect()
}

/// The agent's socket, which only the host's root may connect to.
fn listen(path: &str) -> Result<File> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(Failure::new(format!("remove {}", path), error)),
        _ => {}
    }
    // SAFETY: no pointers; the descriptor is new.
    let socket = unsafe {
        let fd = libc::socket(libc::AF_UNIX, libc::SOCK_STREAM | libc::SOCK_CLOEXEC, 0);
        if fd < 0 {
            return Err(Failure::last("make the agent's socket"));
        }
        File::from_raw_fd(fd)
    };
    // SAFETY: all zeroes is a valid address.
    let mut address: libc::sockaddr_un = unsafe { std::mem::zeroed() };
    address.sun_family = libc::AF_UNIX as libc::sa_family_t;
    if path.len() >= address.sun_path.len() {
        return Err(Failure::new("name the agent's socket", format!("{} is too long", path)));
    }
    for (to, from) in address.sun_path.iter_mut().zip(path.bytes()) {
        *to = from as libc::c_char;
    }
    let size = std::mem::size_of::<libc::sockaddr_un>() as libc::socklen_t;
    // SAFETY: the address outlives the call and the size is its own.
    if unsafe { libc::bind(socket.as_raw_fd(), (&address as *const libc::sockaddr_un).cast(), size) } < 0 {
        return Err(Failure::last(format!("bind {}", path)));
    }
    fs::set_permissions(path, Permissions::from_mode(0o600)).during(|| format!("close {}", path))?;
    // SAFETY: no pointers. Listening comes last, so that nobody connects before the mode is set.
    if unsafe { libc::listen(socket.as_raw_fd(), BACKLOG) } < 0 {
        return Err(Failure::last(format!("listen on {}", path)));
    }
    Ok(socket)
}
