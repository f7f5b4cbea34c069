//! `capsuled-launcher`: what the server needs done on the host that Node cannot do.
//!
//! ```text
//! capsuled-launcher launch                    spec (JSON) on stdin; answers one JSON line on stdout
//! capsuled-launcher subvolume-delete PATH
//! capsuled-launcher subvolume-snapshot SOURCE PATH
//! capsuled-launcher subvolume-of PATH
//! capsuled-launcher quota-enable PATH simple|full
//! ```
//! Exit code 0 and `{"ok":true,…}`, or 1 and `{"ok":false,"step":"…","message":"…"}`.

mod btrfs;
mod cgroups;
mod descriptors;
mod disk;
mod failure;
mod idmap;
mod kernel;
mod namespaces;
mod network;
mod rootfs;
mod runtime;
mod spec;

use failure::{During, Failure, Result};
use serde_json::{json, Map, Value};
use std::io::Read;
use std::time::Instant;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match words.as_slice() {
        ["launch"] => launch(),
        ["subvolume-delete", path] => btrfs::delete_subvolume(path).map(|()| json!({ "ok": true })),
        ["subvolume-snapshot", source, path] => btrfs::snapshot_subvolume(source, path).map(|()| json!({ "ok": true })),
        ["subvolume-of", path] => btrfs::subvolume_of(path).map(|(id, system)| json!({ "ok": true, "id": id, "fileSystem": system })),
        ["quota-enable", path, kind] => btrfs::enable_quota(path, *kind == "simple").map(|kind| json!({ "ok": true, "kind": kind })),
        _ => Err(Failure::new(
            "read the arguments",
            "usage: capsuled-launcher launch | subvolume-delete|of PATH | subvolume-snapshot SOURCE PATH | quota-enable PATH simple|full",
        )),
    };
    match outcome {
        Ok(answer) => println!("{}", answer),
        Err(failure) => {
            println!("{}", json!({ "ok": false, "step": failure.step, "message": failure.message }));
            std::process::exit(1);
        }
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
fn launch() -> Result<Value> {
    // A later server may clean up at once what this one was making: nothing may go on making it.
    kernel::die_with(kernel::parent_pid());
    let mut source = String::new();
    std::io::stdin().take(spec::SPEC_MAX).read_to_string(&mut source).during(|| "read the spec".to_string())?;
    let spec = spec::Spec::parse(&source)?;
    let mut phases = Phases { since: Instant::now(), done: Map::new() };
    disk::prepare(&spec.disk)?;
    disk::prepare_control(&spec.control_dir, spec.uid_base)?;
    phases.end("disk");
    let mut groups = cgroups::make(&spec.cgroup, spec.uid_base)?;
    phases.end("cgroups");
    let descriptors = descriptors::collect(&spec, &mut groups)?;
    rootfs::make(&spec)?;
    phases.end("rootfs");
    let rlimits = runtime::write_config(&spec, &groups.namespaces)?;
    let started = runtime::run(&spec, groups, &rlimits, descriptors)?;
    phases.end("runtime");
    Ok(json!({ "ok": true, "pid": started.pid, "startTime": started.start_time, "phases": phases.done }))
}
