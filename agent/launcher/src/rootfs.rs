//! The capsule's root file system, made in a mount namespace of the launcher's own. The host never sees these mounts: the
//! runtime takes them along into the capsule's namespace, and they end with it, so no end of a launch can leave one behind.

use crate::failure::{During, Result};
use crate::idmap;
use crate::kernel::{self, MOUNT_ATTR_IDMAP, MOUNT_ATTR_NODEV, MOUNT_ATTR_NOSUID};
use crate::network;
use crate::spec::Spec;
use std::fs;

/// Leaves the host's mount namespace and builds `<stage>/root` and `<stage>/bundle`.
pub fn make(spec: &Spec) -> Result<()> {
    let owners = idmap::namespace(spec.uid_base)?;
    kernel::unshare(libc::CLONE_NEWNS, "make a mount namespace")?;
    kernel::mount("", "/", "", libc::MS_REC | libc::MS_PRIVATE, "")?;
    // Cloned before the stage is covered: a layer may lie anywhere.
    let mut layers = Vec::new();
    for layer in &spec.layers {
        let tree = kernel::clone_tree(layer)?;
        kernel::set_attributes(&tree, MOUNT_ATTR_IDMAP | MOUNT_ATTR_NODEV, Some(&owners))?;
        layers.push(tree);
    }
    let disk = kernel::clone_tree(&spec.disk.path)?;
    kernel::set_attributes(&disk, MOUNT_ATTR_IDMAP | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOSUID, Some(&owners))?;

    kernel::mount("stage", &spec.stage, "tmpfs", libc::MS_NOSUID | libc::MS_NODEV, "mode=0711,size=1m")?;
    std::env::set_current_dir(&spec.stage).during(|| format!("enter {}", spec.stage))?;
    let mut lower = Vec::new();
    for (depth, tree) in layers.iter().enumerate() {
        let name = format!("l{}", depth);
        fs::create_dir(&name).during(|| format!("make {}", name))?;
        kernel::attach(tree, &name)?;
        lower.push(name);
    }
    for name in ["disk", "root", "bundle"] {
        fs::create_dir(name).during(|| format!("make {}", name))?;
    }
    kernel::attach(&disk, "disk")?;
    if let Some(network) = &spec.network {
        network::enter(network)?;
    }
    // Relative names: the capsule reads these options in /proc/self/mountinfo.
    let options = format!("lowerdir={},upperdir=disk/u,workdir=disk/w", lower.join(":"));
    kernel::mount("capsule", "root", "overlay", libc::MS_NODEV, &options)
}
