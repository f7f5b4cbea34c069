//! The OCI runtime: `run --detach` with the agent's descriptors, and what it says when it fails.

use crate::cgroups::{AgentGroup, Groups};
use crate::descriptors::FIRST;
use crate::failure::{During, Failure, Result};
use crate::kernel::{self, Forked};
use crate::namespaces::Namespaces;
use crate::program::PATH;
use crate::spec::Spec;
use serde_json::{json, Value};
use std::ffi::CString;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::io::AsRawFd;
use std::time::Duration;

/// Longest time that moves are kept warm, in milliseconds.
const WARM_MOVES: u32 = 200;

/// The capsule's first process, as the host sees it.
pub struct Started {
    pub pid: u32,
    /// Field 22 of `/proc/<pid>/stat`, which tells a pid from a later holder of its number.
    pub start_time: u64,
}

/// A limit of one resource, as setrlimit takes it.
type Rlimit = (libc::__rlimit_resource_t, libc::rlimit);

/// Takes the resource limits out of the configuration. The launcher sets them for the runtime, and the capsule inherits them:
/// the runtime itself could set them in a user namespace that is not its own only with CAP_SYS_RESOURCE, which roots of some
/// virtual machines lack.
fn take_rlimits(config: &mut Value) -> Result<Vec<Rlimit>> {
    let limits = config["process"]["rlimits"].take();
    let number = |limit: &Value, name: &str| limit[name].as_u64().ok_or_else(|| Failure::new("read the resource limits", name));
    let mut taken = Vec::new();
    for limit in limits.as_array().into_iter().flatten() {
        let resource = match limit["type"].as_str() {
            Some("RLIMIT_NOFILE") => libc::RLIMIT_NOFILE,
            Some("RLIMIT_CORE") => libc::RLIMIT_CORE,
            _ => return Err(Failure::new("read the resource limits", "an unknown type")),
        };
        let bounds = libc::rlimit { rlim_cur: number(limit, "soft")?, rlim_max: number(limit, "hard")? };
        taken.push((resource, bounds));
    }
    Ok(taken)
}

/// Writes the bundle's configuration: the server's, with what only this process knows. Gives the resource limits to run under.
pub fn write_config(spec: &Spec, namespaces: &Namespaces) -> Result<Vec<Rlimit>> {
    let mut config = spec.config.clone();
    let rlimits = take_rlimits(&mut config)?;
    config["root"] = json!({ "path": format!("{}/root", spec.stage), "readonly": false });
    let path = |file: &File| format!("/proc/{}/fd/{}", std::process::id(), file.as_raw_fd());
    match config["linux"]["namespaces"].as_array_mut() {
        Some(list) => {
            list.push(json!({ "type": "user", "path": path(&namespaces.user) }));
            list.push(json!({ "type": "cgroup", "path": path(&namespaces.cgroup) }));
        }
        None => return Err(Failure::new("write config.json", "it has no namespaces")),
    }
    fs::write("bundle/config.json", config.to_string()).during(|| "write config.json".to_string())?;
    Ok(rlimits)
}

/// Runs the runtime to its end, born in the cgroup `launch`, or in `agent` if it leaves cgroups alone. The working directory is the
/// stage. `program` is its sealed copy, where there is one.
pub fn run(spec: &Spec, program: Option<&File>, groups: Groups, rlimits: &[Rlimit], descriptors: Vec<File>) -> Result<Started> {
    let arguments = arguments(spec, descriptors.len())?;
    // Runtimes give their standard streams to the capsule's user: these are a file that nobody else has, not the host's /dev/null.
    let nowhere = kernel::memory_file("nowhere").during(|| "make a file in memory".to_string())?;
    let Groups { whole, launch, agent, .. } = groups;
    let warmer = if agent.is_none() { Some(keep_moves_warm(spec, &launch)?) } else { None };
    if agent.is_some() {
        hide_controllers()?;
    }
    let parent = kernel::own_pid();
    match kernel::fork(Some(agent.as_ref().map_or(&launch, |group| &group.unified)))? {
        Forked::Child => become_runtime(parent, program, &arguments, nowhere, rlimits, agent, descriptors),
        Forked::Parent(child) => {
            drop(descriptors);
            let status = kernel::wait(child)?;
            if let Some(warmer) = warmer {
                // SAFETY: the child is ours and not reaped.
                unsafe { libc::kill(warmer, libc::SIGKILL) };
                kernel::wait(warmer)?;
            }
            // Empty now; what is not removed here goes with the capsule.
            kernel::remove_directory(&whole, "launch");
            if libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0 {
                return started();
            }
            Err(Failure::new(format!("run {}", spec.runtime), complaint(status)))
        }
    }
}

fn arguments(spec: &Spec, descriptors: usize) -> Result<Vec<CString>> {
    let preserve = descriptors.to_string();
    let bundle = format!("{}/bundle", spec.stage);
    // Runtimes differ in where a relative name leads.
    let (log, pid) = (format!("{}/runtime.log", spec.stage), format!("{}/pid", spec.stage));
    let rest = [
        "--root",
        &spec.runtime_root,
        "--log",
        &log,
        "--log-format",
        "json",
        "run",
        "--detach",
        "--preserve-fds",
        &preserve,
        "--pid-file",
        &pid,
        "--bundle",
        &bundle,
        &spec.capsule,
    ];
    let options = spec.runtime_options.iter().map(String::as_str);
    [spec.runtime.as_str()].into_iter().chain(options).chain(rest).map(kernel::c_string).collect()
}

/// crun refuses a host whose cgroup2 has controllers beside those of cgroup v1, also when it is told to leave cgroups alone. It looks
/// at this one place; the mount is taken out of the launcher's own mount namespace, in which nothing asks for it any more.
fn hide_controllers() -> Result<()> {
    match kernel::unmount("/sys/fs/cgroup/unified") {
        Err(error) if !matches!(error.raw_os_error(), Some(libc::EINVAL | libc::ENOENT)) => Err(Failure::new("hide cgroup2", error)),
        _ => Ok(()),
    }
}

/// The runtime moves its child through every hierarchy, and the first move after a quiet moment waits 5 to 15 ms for all
/// processors to take note. A child that moves itself to where it is, again and again, takes that wait meanwhile.
fn keep_moves_warm(spec: &Spec, launch: &File) -> Result<libc::pid_t> {
    let parent = kernel::own_pid();
    let path = format!("{}{}/launch/cgroup.procs", spec.cgroup.unified, spec.cgroup.path);
    let mut members = OpenOptions::new().write(true).open(&path).during(|| format!("open {}", path))?;
    match kernel::fork(Some(launch))? {
        Forked::Parent(child) => Ok(child),
        Forked::Child => {
            kernel::die_with(parent);
            for _ in 0..WARM_MOVES {
                if members.write_all(b"0").is_err() {
                    break;
                }
                std::thread::sleep(Duration::from_millis(1));
            }
            kernel::exit_child(0)
        }
    }
}

fn become_runtime(
    parent: libc::pid_t,
    program: Option<&File>,
    arguments: &[CString],
    nowhere: File,
    rlimits: &[Rlimit],
    agent: Option<AgentGroup>,
    descriptors: Vec<File>,
) -> ! {
    // Without the launcher nobody would look after what the runtime starts.
    kernel::die_with(parent);
    if !agent.iter().flat_map(|group| &group.v1).all(|mut tasks| tasks.write_all(b"0").is_ok()) {
        kernel::exit_child(125);
    }
    drop(agent);
    // SAFETY: the limits outlive the calls.
    if !rlimits.iter().all(|(resource, limit)| unsafe { libc::setrlimit(*resource, limit) } == 0) {
        kernel::exit_child(126);
    }
    let placed = kernel::raise(nowhere, 100).and_then(|high| {
        for standard in 0..FIRST {
            // The capsule keeps these three, so they must lead nowhere.
            kernel::place(high.try_clone().during(|| "copy a descriptor".to_string())?, standard)?;
        }
        descriptors.into_iter().zip(FIRST..).try_for_each(|(file, number)| kernel::place(file, number))
    });
    if placed.is_ok() {
        let mut pointers: Vec<*const libc::c_char> = arguments.iter().map(|one| one.as_ptr()).collect();
        pointers.push(std::ptr::null());
        let path = format!("PATH={}\0", PATH);
        let environment = [path.as_ptr().cast(), std::ptr::null()];
        if let Some(program) = program {
            kernel::execute(program, &pointers, &environment);
        }
        // By its name where there is no copy, or none that the host lets anybody execute.
        // SAFETY: both arrays end with a null pointer and outlive the call.
        unsafe { libc::execvpe(pointers[0], pointers.as_ptr(), environment.as_ptr()) };
    }
    kernel::exit_child(127)
}

fn started() -> Result<Started> {
    let step = || "read what the runtime started".to_string();
    let pid = fs::read_to_string("pid").during(step)?;
    let pid: u32 = pid.trim().parse().map_err(|error| Failure::new(step(), error))?;
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid)).during(step)?;
    // The command name, in parentheses, may hold anything: count fields from its end.
    let start_time = stat.rsplit(')').next().and_then(|rest| rest.split_whitespace().nth(19)).and_then(|field| field.parse().ok());
    Ok(Started { pid, start_time: start_time.ok_or_else(|| Failure::new(step(), "no start time"))? })
}

/// The runtime's last words: the message of the last line of its log, at most 2 000 characters.
fn complaint(status: libc::c_int) -> String {
    let ended = if libc::WIFSIGNALED(status) {
        format!("killed by signal {}", libc::WTERMSIG(status))
    } else {
        format!("exit code {}", libc::WEXITSTATUS(status))
    };
    let log = fs::read_to_string("runtime.log").unwrap_or_default();
    let last = log
        .lines()
        .rev()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .find_map(|line| line["msg"].as_str().map(str::to_string));
    match last {
        Some(message) => message.chars().take(2000).collect(),
        None if ended == "exit code 125" => "it could not be put in the capsule's cgroup".to_string(),
        None if ended == "exit code 127" => "it cannot be executed; is it installed?".to_string(),
        None => ended,
    }
}
