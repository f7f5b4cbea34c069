//! The capsule's network namespace, where the host has made one. The launcher goes into it before it becomes the runtime: a runtime
//! that has joined the capsule's user namespace has no power to join what the host owns, and inherits it instead.

use crate::failure::{During, Result};
use crate::kernel;
use crate::spec::Network;
use std::fs::{self, File};
use std::os::unix::io::AsRawFd;

/// Enters the namespace and leaves in the working directory what the runtime cannot make from there: `sys`, a sysfs that shows this
/// namespace's devices, and the file `resolv.conf`. What the configuration names in the stage are these two.
pub fn enter(network: &Network) -> Result<()> {
    let namespace = File::open(&network.namespace).during(|| format!("open {}", network.namespace))?;
    kernel::enter_network(namespace.as_raw_fd()).during(|| "enter the network namespace".to_string())?;
    fs::create_dir("sys").during(|| "make sys".to_string())?;
    kernel::mount("sysfs", "sys", "sysfs", libc::MS_NOSUID | libc::MS_NODEV | libc::MS_NOEXEC | libc::MS_RDONLY, "")?;
    fs::write("resolv.conf", &network.resolv_conf).during(|| "write resolv.conf".to_string())
}
