//! The capsule's writable disk, `{u,w}` for overlayfs, and the agent's control directory.

use crate::btrfs;
use crate::failure::{During, Failure, Result};
use crate::freezer;
use crate::kernel::give;
use crate::spec::Disk;
use std::fs::{self, DirBuilder, Permissions};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::Path;

/// Makes the disk, or checks that the kept one is there, and sets its limit.
pub fn prepare(disk: &Disk) -> Result<()> {
    let upper = format!("{}/u", disk.path);
    if let Some(source) = &disk.copy_of {
        match &disk.freeze {
            Some(freeze) => freezer::while_frozen(freeze, || btrfs::snapshot_subvolume(source, &disk.path))?,
            None => btrfs::snapshot_subvolume(source, &disk.path)?,
        }
        // A disk that is in use has overlayfs' workings already, which are cleared when they are mounted.
        if !Path::new(&disk.path).join("w").is_dir() {
            make(&disk.path, "w", 0o700)?;
        }
    } else if disk.keep {
        if !Path::new(&upper).is_dir() {
            return Err(Failure::new("keep the disk", format!("{} is not there", upper)));
        }
    } else {
        if disk.btrfs {
            btrfs::create_subvolume(&disk.path)?;
        } else {
            fs::create_dir(&disk.path).during(|| format!("make {}", disk.path))?;
        }
        fs::set_permissions(&disk.path, Permissions::from_mode(0o700)).during(|| format!("close {}", disk.path))?;
        make(&disk.path, "u", 0o755)?;
        make(&disk.path, "w", 0o700)?;
        fs::set_permissions(&upper, Permissions::from_mode(0o755)).during(|| format!("open up {}", upper))?;
    }
    if disk.btrfs && disk.limit > 0 {
        btrfs::limit(&disk.path, disk.limit)?;
    }
    Ok(())
}

fn make(parent: &str, name: &str, mode: u32) -> Result<()> {
    let path = format!("{}/{}", parent, name);
    DirBuilder::new().mode(mode).create(&path).during(|| format!("make {}", path))
}

/// Makes the control directory, and gives it and what an earlier life left in it to the capsule's root of today.
pub fn prepare_control(path: &str, owner: u32) -> Result<()> {
    match DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(Failure::new(format!("make {}", path), error)),
        _ => {}
    }
    give(Path::new(path), owner)?;
    give_contents(Path::new(path), owner, 0)
}

/// The capsule is not running, so nothing changes under the walk; links are changed, never followed.
fn give_contents(directory: &Path, owner: u32, depth: u32) -> Result<()> {
    if depth > 16 {
        return Err(Failure::new("give the control directory away", "it is nested too deep"));
    }
    for entry in fs::read_dir(directory).during(|| format!("list {}", directory.display()))? {
        let entry = entry.during(|| format!("list {}", directory.display()))?;
        let path = entry.path();
        give(&path, owner)?;
        if entry.file_type().during(|| format!("look at {}", path.display()))?.is_dir() {
            give_contents(&path, owner, depth + 1)?;
        }
    }
    Ok(())
}
