//! The runtime's program as a sealed copy in memory, made once by the kept process.
//!
//! crun executes no program that a container could write to: it copies itself into such memory first and executes the copy, a second
//! start with a second loading of its libraries. Started as a sealed copy it finds that it is one. Nobody can write to it, so all
//! launches share it.

use crate::kernel;
use serde_json::Value;
use std::fs::{self, File, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

/// Where programs are sought.
pub const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// What the kernel executes by itself; a script would need its name.
const MAGIC: &[u8] = b"\x7fELF";

/// Tells a program from one that an upgrade has put into its place.
#[derive(PartialEq)]
struct Origin {
    path: PathBuf,
    device: u64,
    inode: u64,
    size: u64,
    changed: (i64, i64),
}

#[derive(Default)]
pub struct Keeper {
    kept: Option<(Origin, Option<File>)>,
}

impl Keeper {
    /// The copy for a launch of this spec; None where the runtime is to be executed by its name.
    pub fn copy_for(&mut self, spec: &Value) -> Option<&File> {
        // Other runtimes make the agent's group, and are not known to gain.
        if spec["cgroup"]["agent"].is_null() {
            return None;
        }
        let origin = find(spec["runtime"].as_str()?)?;
        if self.kept.as_ref().map_or(true, |(kept, _)| *kept != origin) {
            let copy = fs::read(&origin.path).ok().filter(|program| program.starts_with(MAGIC)).and_then(|program| {
                // Far above the places of the agent's descriptors.
                kernel::sealed_program("runtime", &program).and_then(|file| kernel::raise(file, 100)).ok()
            });
            self.kept = Some((origin, copy));
        }
        self.kept.as_ref().and_then(|(_, copy)| copy.as_ref())
    }
}

fn find(name: &str) -> Option<Origin> {
    let there = |path: PathBuf| fs::metadata(&path).ok().filter(Metadata::is_file).map(|found| (path, found));
    let (path, found) =
        if name.contains('/') { there(name.into()) } else { PATH.split(':').find_map(|dir| there(PathBuf::from(dir).join(name))) }?;
    Some(Origin { path, device: found.dev(), inode: found.ino(), size: found.size(), changed: (found.ctime(), found.ctime_nsec()) })
}
