//! The user and cgroup namespaces of a capsule, made before the runtime joins them.
//!
//! The kernel counts what a user holds (inotify instances and watches, nested namespaces, …) against the user that made the
//! namespace too, in the namespace above. Were the maker the host's root, as it is when the runtime makes it, all capsules and
//! the host's own services would share one count; so the maker is the first uid of the capsule's own range.

use crate::failure::{During, Failure, Result};
use crate::idmap::RANGE;
use crate::kernel::{self, Forked};
use crate::spec::Cgroup;
use std::fs::{self, File};

pub struct Namespaces {
    /// Maps 0..65535 to the range, and is owned by the range's first uid.
    pub user: File,
    /// Its root is `<id>` in every hierarchy.
    pub cgroup: File,
}

/// A cgroup namespace takes its root from where the process that makes it is: a short-lived child goes to `<id>` in every
/// hierarchy first. It must be gone before cgroup2 hands controllers down, which a group with processes refuses.
pub fn make(spec: &Cgroup, unified: &str, base: u32) -> Result<Namespaces> {
    let directory = File::open(unified).during(|| format!("open {}", unified))?;
    let parent = kernel::own_pid();
    match kernel::fork(Some(&directory))? {
        Forked::Child => {
            kernel::die_with(parent);
            let moved = spec.v1.iter().all(|mount| fs::write(format!("{}{}/tasks", mount, spec.path), "0").is_ok());
            // The user namespace comes first and owns the other one, so that the runtime may join both.
            let made =
                moved && kernel::become_user(base).is_ok() && kernel::unshare(libc::CLONE_NEWUSER | libc::CLONE_NEWCGROUP, "").is_ok();
            if !made {
                kernel::exit_child(1);
            }
            // Another identity has made the kernel forget the first one of these.
            kernel::die_with(parent);
            // Stopped, it keeps the namespaces alive until the parent has opened them.
            // SAFETY: no pointers.
            unsafe { libc::raise(libc::SIGSTOP) };
            kernel::exit_child(0);
        }
        Forked::Parent(child) => {
            let mut status = 0;
            // SAFETY: `status` outlives the call.
            let waited = unsafe { libc::waitpid(child, &mut status, libc::WUNTRACED) };
            if waited != child || !libc::WIFSTOPPED(status) {
                return Err(Failure::new(
                    "make the capsule's namespaces",
                    "a child could not enter its cgroups, or the kernel refused; see user.max_user_namespaces",
                ));
            }
            let opened = map_and_open(child, base);
            // SAFETY: the child is ours and not reaped.
            unsafe { libc::kill(child, libc::SIGKILL) };
            kernel::wait(child)?;
            opened
        }
    }
}

fn map_and_open(child: libc::pid_t, base: u32) -> Result<Namespaces> {
    for file in ["uid_map", "gid_map"] {
        fs::write(format!("/proc/{}/{}", child, file), format!("0 {} {}\n", base, RANGE)).during(|| format!("write {}", file))?;
    }
    let open = |name: &str| File::open(format!("/proc/{}/ns/{}", child, name)).during(|| format!("open the {} namespace", name));
    Ok(Namespaces { user: open("user")?, cgroup: open("cgroup")? })
}
