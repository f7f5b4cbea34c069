//! A capsule's cgroups: `<id>/agent`, `<id>/work` for everything else, and `<id>/launch`, in which a runtime that makes `agent`
//! itself runs while it launches. One `cgroup.kill` on `<id>` ends whatever a broken launch left.

use crate::failure::{During, Failure, Result};
use crate::kernel;
use crate::namespaces::{self, Namespaces};
use crate::spec::{Cgroup, Limit};
use std::fs::{self, File, OpenOptions};
use std::io::ErrorKind;
use std::path::Path;

/// Most sub-cgroups (process slots) under one capsule's `work`.
const SLOTS_MAX: &str = "8192";

/// What the rest of the launch needs of the cgroups.
pub struct Groups {
    /// cgroup2 directory of the capsule.
    pub whole: File,
    /// cgroup2 directory of what helps the launch and ends with it.
    pub launch: File,
    /// Where the runtime is born, in every hierarchy, if it leaves cgroups alone.
    pub agent: Option<AgentGroup>,
    /// `work` in cgroup2, as a detached clone: `..` stops at it.
    pub work: File,
    /// `tasks` of `work` in each v1 hierarchy where it has a group.
    pub joins: Vec<File>,
    pub oom_counter: File,
    pub namespaces: Namespaces,
}

/// The group `agent` in cgroup2, and its `tasks` in every hierarchy of cgroup v1.
pub struct AgentGroup {
    pub unified: File,
    pub v1: Vec<File>,
}

pub fn make(spec: &Cgroup, owner: u32) -> Result<Groups> {
    let unified = format!("{}{}", spec.unified, spec.path);
    make_directory(&spec.unified, &spec.path)?;
    for mount in &spec.v1 {
        make_directory(mount, &spec.path)?;
    }
    let namespaces = namespaces::make(spec, &unified, owner)?;
    hand_down(spec)?;
    for name in ["launch", "work"] {
        make_one(&format!("{}/{}", unified, name))?;
    }
    for mount in &spec.work_v1 {
        make_directory(mount, &format!("{}/work", spec.path))?;
    }
    write_limits(spec, "work", &spec.limits)?;
    let agent = spec.agent.as_ref().map(|limits| make_agent(spec, &unified, limits)).transpose()?;
    delegate(&unified, owner)?;
    let mut joins = Vec::new();
    for mount in &spec.work_v1 {
        let path = format!("{}{}/work/tasks", mount, spec.path);
        joins.push(OpenOptions::new().write(true).open(&path).during(|| format!("open {}", path))?);
    }
    Ok(Groups {
        whole: File::open(&unified).during(|| format!("open {}", unified))?,
        agent,
        launch: File::open(format!("{}/launch", unified)).during(|| "open the launch cgroup".to_string())?,
        work: kernel::clone_tree(&format!("{}/work", unified))?,
        joins,
        oom_counter: File::open(&spec.oom_counter).during(|| format!("open {}", spec.oom_counter))?,
        namespaces,
    })
}

fn make_one(path: &str) -> Result<()> {
    match fs::create_dir(path) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(Failure::new(format!("make {}", path), error)),
        _ => Ok(()),
    }
}

/// Makes every directory of `path` under the hierarchy at `mount`. A v1 cpuset is born empty and then admits nobody, so it
/// takes over its parent's processors and memory nodes.
fn make_directory(mount: &str, path: &str) -> Result<()> {
    let has = |file: &str| Path::new(&format!("{}/{}", mount, file)).exists();
    let is_cpuset = has("cpuset.cpus") && !has("cgroup.kill");
    // Mostly only the last one is missing, and there are many hierarchies.
    if !is_cpuset {
        match fs::create_dir(format!("{}{}", mount, path)) {
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(Failure::new(format!("make {}{}", mount, path), error)),
            _ => return Ok(()),
        }
    }
    let mut at = mount.to_string();
    for part in path.split('/').filter(|part| !part.is_empty()) {
        let parent = at.clone();
        at = format!("{}/{}", at, part);
        make_one(&at)?;
        if !is_cpuset {
            continue;
        }
        for file in ["cpuset.cpus", "cpuset.mems"] {
            let own = format!("{}/{}", at, file);
            let has = fs::read_to_string(&own).during(|| format!("read {}", own))?;
            if has.trim().is_empty() {
                let inherited = fs::read_to_string(format!("{}/{}", parent, file)).during(|| format!("read {} of {}", file, parent))?;
                fs::write(&own, inherited.trim()).during(|| format!("write {}", own))?;
            }
        }
    }
    Ok(())
}

/// Enables the controllers from the root of cgroup2 down to `<id>`; `work` keeps its own list empty, so that processes and
/// slots may live side by side in it.
fn hand_down(spec: &Cgroup) -> Result<()> {
    if spec.controllers.is_empty() {
        return Ok(());
    }
    let wanted: Vec<String> = spec.controllers.iter().map(|name| format!("+{}", name)).collect();
    let mut at = spec.unified.clone();
    for part in spec.path.split('/') {
        if !part.is_empty() {
            at = format!("{}/{}", at, part);
        }
        let file = format!("{}/cgroup.subtree_control", at);
        let now = fs::read_to_string(&file).during(|| format!("read {}", file))?;
        if !spec.controllers.iter().all(|name| now.split_whitespace().any(|has| has == name)) {
            fs::write(&file, wanted.join(" ")).during(|| format!("write {}", file))?;
        }
    }
    Ok(())
}

/// Its limits are in force before anybody is in it.
fn make_agent(spec: &Cgroup, unified: &str, limits: &[Limit]) -> Result<AgentGroup> {
    let directory = format!("{}/agent", unified);
    make_one(&directory)?;
    let mut v1 = Vec::new();
    for mount in &spec.v1 {
        make_directory(mount, &format!("{}/agent", spec.path))?;
        let path = format!("{}{}/agent/tasks", mount, spec.path);
        v1.push(OpenOptions::new().write(true).open(&path).during(|| format!("open {}", path))?);
    }
    write_limits(spec, "agent", limits)?;
    Ok(AgentGroup { unified: File::open(&directory).during(|| format!("open {}", directory))?, v1 })
}

fn write_limits(spec: &Cgroup, group: &str, limits: &[Limit]) -> Result<()> {
    for limit in limits {
        let path = format!("{}{}/{}/{}", limit.mount, spec.path, group, limit.file);
        if limit.optional && !Path::new(&path).exists() {
            continue;
        }
        fs::write(&path, &limit.value).during(|| format!("write {} to {}", limit.value, path))?;
    }
    Ok(())
}

/// The agent makes slots in `work` and forks into them. The kernel asks for `cgroup.procs` of the target and of the common
/// ancestor, and for the directory itself; nothing else is given away, least of all `subtree_control` and the limits.
fn delegate(unified: &str, owner: u32) -> Result<()> {
    let most = format!("{}/work/cgroup.max.descendants", unified);
    fs::write(&most, SLOTS_MAX).during(|| format!("write {}", most))?;
    for path in ["work", "work/cgroup.procs", "cgroup.procs"] {
        let path = format!("{}/{}", unified, path);
        kernel::give(Path::new(&path), owner)?;
    }
    Ok(())
}
