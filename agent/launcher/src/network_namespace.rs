//! The step `network-namespace`: a new one with its interface, addresses and rules, for a capsule to come. It lies in no directory: it is
//! this process's until the server has opened it, and ends with whoever holds it last, so no crash can leave one.

use crate::failure::{During, Failure, Result};
use crate::host_program::{End, Program, Stream};
use crate::kernel;
use crate::serve::Teller;
use serde_json::{json, Value};
use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::ExitStatusExt;

/// What the input of the program that connects the namespace calls it by.
const PID: &str = "{pid}";
/// Bytes kept of what a program says when it fails.
const COMPLAINT: usize = 1000;

/// `connect` runs on the host; `settings`, files of `/proc/sys` with their content, and the programs `inside` are for the namespace. Tells
/// this process's number, and the namespace's, when all is done, and waits to be given up.
pub fn make(spec: &Value, teller: &Teller) -> Result<Value> {
    let host = File::open("/proc/self/ns/net").during(|| "open the host's network namespace".to_string())?;
    kernel::be_nice(spec["nice"].as_i64().unwrap_or(0) as libc::c_int);
    kernel::unshare(libc::CLONE_NEWNET, "make a network namespace")?;
    let mut connect = Program::parse(&spec["connect"])?;
    connect.input = connect.input.replace(PID, &kernel::own_pid().to_string());
    must(&connect, Some(&host)).map_err(|Failure { step, message }| Failure::new(format!("connect: {}", step), message))?;
    for (path, value) in spec["settings"].as_object().into_iter().flatten() {
        fs::write(path, value.as_str().unwrap_or_default()).during(|| format!("write {}", path))?;
    }
    for program in spec["inside"].as_array().into_iter().flatten() {
        must(&Program::parse(program)?, None)?;
    }
    let number = fs::metadata("/proc/self/ns/net").during(|| "look at the network namespace".to_string())?.ino();
    teller.tell(json!({ "pid": kernel::own_pid(), "inode": number }))?;
    kernel::wait_for_ever()
}

fn must(program: &Program, namespace: Option<&File>) -> Result<()> {
    let mut complaint = Vec::new();
    let end = program.run(namespace, |stream, bytes| {
        if stream == Stream::Err {
            complaint.extend_from_slice(&bytes[..bytes.len().min(COMPLAINT - complaint.len())]);
        }
        Ok(())
    })?;
    let how = match end {
        End::Of(status) if status.success() => return Ok(()),
        End::Of(status) => match (status.code(), status.signal()) {
            (Some(code), _) => format!("exit code {}", code),
            (None, signal) => format!("killed by signal {}", signal.unwrap_or(0)),
        },
        End::Never(reason) => std::io::Error::from_raw_os_error(reason).to_string(),
    };
    Err(Failure::new(program.words.join(" "), format!("{} {}", how, String::from_utf8_lossy(&complaint)).trim()))
}
