//! What to launch, as the server says it: one JSON object. The server decides every path, limit and name;
//! the launcher only carries them out.

use crate::failure::{Failure, Result};
use crate::freezer::Freeze;
use serde_json::Value;
use std::time::Duration;

pub struct Spec {
    pub capsule: String,
    /// First host uid (and gid) of the capsule's range.
    pub uid_base: u32,
    /// Empty directory that gets a private tmpfs: the capsule's mounts are made there, out of the host's sight.
    pub stage: String,
    /// Read-only layers, topmost first.
    pub layers: Vec<String>,
    pub disk: Disk,
    pub control_dir: String,
    pub socket: String,
    pub agent_binary: String,
    pub secret: String,
    /// Why processes ended that an earlier life left without an end: a word that only the agent understands.
    pub previous: String,
    pub cgroup: Cgroup,
    /// None: the runtime makes a network namespace with loopback only.
    pub network: Option<Network>,
    pub runtime: String,
    /// What it is told before its command.
    pub runtime_options: Vec<String>,
    pub runtime_root: String,
    /// OCI configuration without `root` and without the cgroup namespace, which are known only here.
    pub config: Value,
}

pub struct Disk {
    pub path: String,
    pub btrfs: bool,
    /// Bytes; 0 is no limit.
    pub limit: u64,
    pub keep: bool,
    /// The subvolume that a new disk is a copy of.
    pub copy_of: Option<String>,
    /// Who uses that one, and stands still while it is copied.
    pub freeze: Option<Freeze>,
}

pub struct Network {
    /// Path that opens the network namespace, made and owned by the host: nobody inside has power over it.
    pub namespace: String,
    /// What the capsule reads in /etc/resolv.conf.
    pub resolv_conf: String,
}

pub struct Cgroup {
    /// `/<parent>/<installation>/<capsule>`, the same in every hierarchy.
    pub path: String,
    /// Where cgroup2 is mounted.
    pub unified: String,
    /// Controllers that cgroup2 has to hand down; none on a hybrid host.
    pub controllers: Vec<String>,
    /// Mount points of all cgroup v1 hierarchies.
    pub v1: Vec<String>,
    /// Those of them in which `work` has a group, in the order of the agent's descriptors.
    pub work_v1: Vec<String>,
    /// Files of `work` and what to write: (hierarchy's mount point, file, value, whether it may be missing).
    pub limits: Vec<Limit>,
    /// Absolute path of the file with the `oom_kill` counter.
    pub oom_counter: String,
    /// Files of `agent` and what to write, for a runtime that leaves cgroups alone and is born in that group; None: the runtime makes it.
    pub agent: Option<Vec<Limit>>,
}

pub struct Limit {
    pub mount: String,
    pub file: String,
    pub value: String,
    pub optional: bool,
}

fn bad(field: &str) -> Failure {
    Failure::new("read the spec", format!("{} is missing or has a wrong type", field))
}

fn text(from: &Value, field: &str) -> Result<String> {
    match from[field].as_str() {
        Some(found) if !found.contains('\0') => Ok(found.to_string()),
        _ => Err(bad(field)),
    }
}

fn texts(from: &Value, field: &str) -> Result<Vec<String>> {
    let all = from[field].as_array().ok_or_else(|| bad(field))?;
    all.iter().map(|one| one.as_str().map(str::to_string).ok_or_else(|| bad(field))).collect()
}

fn flag(from: &Value, field: &str) -> Result<bool> {
    from[field].as_bool().ok_or_else(|| bad(field))
}

fn limit(from: &Value) -> Result<Limit> {
    Ok(Limit { mount: text(from, "mount")?, file: text(from, "file")?, value: text(from, "value")?, optional: flag(from, "optional")? })
}

fn limits(from: &Value) -> Result<Vec<Limit>> {
    from.as_array().ok_or_else(|| bad("limits"))?.iter().map(limit).collect()
}

impl Spec {
    pub fn parse(all: &Value) -> Result<Spec> {
        let (disk, cgroup) = (&all["disk"], &all["cgroup"]);
        let uid_base = all["uidBase"].as_u64().filter(|base| (65_536..=0x7fff_0000).contains(base)).ok_or_else(|| bad("uidBase"))?;
        Ok(Spec {
            capsule: text(all, "capsule")?,
            uid_base: uid_base as u32,
            stage: text(all, "stage")?,
            layers: texts(all, "layers")?,
            disk: Disk {
                path: text(disk, "path")?,
                btrfs: flag(disk, "btrfs")?,
                limit: disk["limitBytes"].as_u64().ok_or_else(|| bad("disk.limitBytes"))?,
                keep: flag(disk, "keep")?,
                copy_of: match &disk["copyOf"] {
                    Value::Null => None,
                    _ => Some(text(disk, "copyOf")?),
                },
                freeze: match &disk["freeze"] {
                    Value::Null => None,
                    freeze => Some(Freeze {
                        group: text(freeze, "group")?,
                        patience: Duration::from_millis(freeze["patienceMs"].as_u64().ok_or_else(|| bad("disk.freeze.patienceMs"))?),
                    }),
                },
            },
            control_dir: text(all, "controlDir")?,
            socket: text(all, "socket")?,
            agent_binary: text(all, "agentBinary")?,
            secret: text(all, "secret")?,
            previous: text(all, "previous")?,
            cgroup: Cgroup {
                path: text(cgroup, "path")?,
                unified: text(cgroup, "unified")?,
                controllers: texts(cgroup, "controllers")?,
                v1: texts(cgroup, "v1")?,
                work_v1: texts(cgroup, "workV1")?,
                limits: limits(&cgroup["limits"])?,
                oom_counter: text(cgroup, "oomCounter")?,
                agent: match &cgroup["agent"] {
                    Value::Null => None,
                    agent => Some(limits(agent)?),
                },
            },
            network: match &all["network"] {
                Value::Null => None,
                network => Some(Network { namespace: text(network, "namespace")?, resolv_conf: text(network, "resolvConf")? }),
            },
            runtime: text(all, "runtime")?,
            runtime_options: texts(all, "runtimeOptions")?,
            runtime_root: text(all, "runtimeRoot")?,
            config: all["config"].clone(),
        })
    }
}
