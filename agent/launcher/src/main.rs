//! `capsuled-launcher`: what the server needs done on the host that Node cannot do. `capsuled-launcher serve` is the one process of it
//! that a server keeps; `serve.rs` says how it is spoken to. Its steps:
//!
//! ```text
//! launch                                      with a spec (`spec.rs`)
//! subvolume-delete PATH
//! subvolume-snapshot SOURCE PATH
//! subvolume-of PATH
//! quota-enable PATH simple|full
//! chain TABLE NAME                            of nftables' family inet: whether it is there
//! run                                         a program of the host; what it says is told as it comes (`run.rs`)
//! network-namespace                           a new one, made ready for a capsule (`network_namespace.rs`)
//! ```
//! Each answers `{"ok":true,…}` or `{"ok":false,"step":"…","message":"…"}`.

mod base64;
mod beside;
mod btrfs;
mod cgroups;
mod descriptors;
mod disk;
mod events;
mod failure;
mod freezer;
mod host_program;
mod idmap;
mod kernel;
mod namespaces;
mod network;
mod network_namespace;
mod nftables;
mod program;
mod rootfs;
mod run;
mod runtime;
mod serve;
mod spec;

use failure::{Failure, Result};
use serde_json::{json, Map, Value};
use std::fs::File;
use std::time::Instant;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let ended = match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["serve"] => serve::serve(),
        _ => Err(Failure::new("read the arguments", "usage: capsuled-launcher serve")),
    };
    if let Err(failure) = ended {
        eprintln!("{}", failure);
        std::process::exit(1);
    }
}

/// Does one step to its end, in a process of its own. `runtime` is the sealed copy of the runtime's program, where there is one.
fn step(words: &[&str], spec: &Value, runtime: Option<&File>, teller: &serve::Teller) -> Result<Value> {
    match words {
        ["launch"] => launch(spec, runtime),
        ["subvolume-delete", path] => btrfs::delete_subvolume(path).map(|()| json!({ "ok": true })),
        ["subvolume-snapshot", source, path] => btrfs::snapshot_subvolume(source, path).map(|()| json!({ "ok": true })),
        ["subvolume-of", path] => {
            btrfs::subvolume_of(path).map(|(id, system)| json!({ "ok": true, "subvolume": id, "fileSystem": system }))
        }
        ["quota-enable", path, kind] => btrfs::enable_quota(path, *kind == "simple").map(|kind| json!({ "ok": true, "kind": kind })),
        ["chain", table, name] => nftables::has_chain(table, name).map(|found| json!({ "ok": true, "found": found })),
        ["run"] => run::run(spec, teller),
        ["network-namespace"] => network_namespace::make(spec, teller),
        _ => Err(Failure::new("read the request", "no step has these words")),
    }
}

/// The times of a launch's steps, in microseconds.
struct Phases {
    since: Instant,
    done: Map<String, Value>,
}

impl Phases {
    fn end(&mut self, name: &str) {
        self.done.insert(name.to_string(), json!(self.since.elapsed().as_micros() as u64));
        self.since = Instant::now();
    }
}

/// Undoes nothing by itself: mounts live in a namespace that ends with this process, and the server removes the rest
/// (cgroups, socket, disk) by the same steps that clean up after a launcher that was killed.
fn launch(spec: &Value, runtime: Option<&File>) -> Result<Value> {
    let spec = spec::Spec::parse(spec)?;
    let mut phases = Phases { since: Instant::now(), done: Map::new() };
    // To copy a disk is to wait for the store to commit; nothing needs the disk before the root is made.
    let copying = match &spec.disk.copy_of {
        Some(_) => Some(beside::begin(|| disk::prepare(&spec.disk))?),
        None => disk::prepare(&spec.disk).map(|()| None)?,
    };
    let groups = disk::prepare_control(&spec.control_dir, spec.uid_base).and_then(|()| {
        phases.end("disk");
        cgroups::make(&spec.cgroup, spec.uid_base)
    });
    phases.end("cgroups");
    let copied = copying.map_or(Ok(()), beside::Beside::finish);
    phases.end("copy");
    let mut groups = groups?;
    copied.map_err(|Failure { step, message }| Failure::new(format!("copy the disk: {}", step), message))?;
    let descriptors = descriptors::collect(&spec, &mut groups)?;
    rootfs::make(&spec)?;
    phases.end("rootfs");
    let rlimits = runtime::write_config(&spec, &groups.namespaces)?;
    let started = runtime::run(&spec, runtime, groups, &rlimits, descriptors)?;
    phases.end("runtime");
    Ok(json!({ "ok": true, "pid": started.pid, "startTime": started.start_time, "phases": phases.done }))
}
