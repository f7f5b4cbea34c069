//! The process that a server keeps, so that a step costs a fork of this small one and not a start of a program.
//!
//! On stdin come requests, a line of JSON each: `{"id":7,"words":["subvolume-of","/…"],"spec":null}` begins a step, and `{"cancel":7}`
//! kills it; a step that runs a program is asked to end, and ends the program first. On stdout go answers, a line each, in the order in
//! which steps end: what the step says, with its `id`. Before its answer a step may tell pieces of what it is about: `{"id":7,"piece":…}`.
//! Every step is a child of this process, ends with it, and answers by itself; for one that dies without an answer this process says so,
//! when nothing of it is at work any more. It ends with the server and when stdin does, and with it everything that is under way.

use crate::events;
use crate::failure::{During, Failure, Result};
use crate::kernel::{self, Forked};
use crate::program::Keeper;
use crate::step;
use serde_json::{json, Value};
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::io::AsRawFd;

/// Longest line of a request, in bytes.
const REQUEST_MAX: usize = 1 << 20;
/// Longest line of an answer, in bytes: it is written in one piece, since others write to the same socket.
const ANSWER_MAX: usize = 4096;
/// What ends the whole process group when somebody stops the server by hand: the server may still need this one then.
const IGNORED: [libc::c_int; 2] = [libc::SIGINT, libc::SIGTERM];

/// A step under way.
struct Running {
    id: u64,
    pid: libc::pid_t,
    /// A pipe that it and whatever it forks hold the other end of: it breaks when the last of them has ended.
    life: File,
    is_cancelled: bool,
    /// What ends it.
    end: libc::c_int,
}

/// What a step tells before its answer.
pub struct Teller {
    id: u64,
}

impl Teller {
    /// Waits while the server does not listen.
    pub fn tell(&self, piece: Value) -> Result<()> {
        write(json!({ "id": self.id, "piece": piece }).to_string())
    }
}

pub fn serve() -> Result<()> {
    kernel::die_with(kernel::parent_pid());
    for signal in IGNORED {
        kernel::handle(signal, libc::SIG_IGN);
    }
    let mut running: Vec<Running> = Vec::new();
    let mut unread: Vec<u8> = Vec::new();
    let mut runtime = Keeper::default();
    loop {
        let ready = wait(&running)?;
        reap(&mut running, &ready[1..])?;
        if !ready[0] {
            continue;
        }
        let mut piece = [0; 1 << 16];
        let size = match io::stdin().lock().read(&mut piece) {
            Ok(0) => return Ok(()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            size => size.during(|| "read a request".to_string())?,
        };
        unread.extend_from_slice(&piece[..size]);
        while let Some(end) = unread.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = unread.drain(..=end).collect();
            obey(&line, &mut running, &mut runtime)?;
        }
        if unread.len() > REQUEST_MAX {
            return Err(Failure::new("read a request", format!("it is longer than {} bytes", REQUEST_MAX)));
        }
    }
}

/// Waits until there is something to read or a step has ended; tells which: stdin first, then the steps in their order.
fn wait(running: &[Running]) -> Result<Vec<bool>> {
    let mut all = vec![(0, libc::POLLIN)];
    all.extend(running.iter().map(|one| (one.life.as_raw_fd(), libc::POLLIN)));
    events::poll(&all, None)
}

/// Takes the ends of steps; speaks for those that did not answer by themselves.
fn reap(running: &mut Vec<Running>, ended: &[bool]) -> Result<()> {
    for at in (0..ended.len()).rev().filter(|at| ended[*at]) {
        let Running { id, pid, is_cancelled, .. } = running.remove(at);
        let status = kernel::wait(pid)?;
        if libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0 {
            continue;
        }
        let message = match status {
            _ if is_cancelled => "it was given up".to_string(),
            _ if libc::WIFSIGNALED(status) => format!("killed by signal {}, without an answer", libc::WTERMSIG(status)),
            _ => format!("exit code {}, without an answer", libc::WEXITSTATUS(status)),
        };
        answer(id, Err(Failure::new("run the launcher", message)))?;
    }
    Ok(())
}

fn obey(line: &[u8], running: &mut Vec<Running>, runtime: &mut Keeper) -> Result<()> {
    let request: Value = serde_json::from_slice(line).map_err(|error| Failure::new("read a request", error))?;
    if let Some(id) = request["cancel"].as_u64() {
        for one in running.iter_mut().filter(|one| one.id == id) {
            one.is_cancelled = true;
            // SAFETY: no pointers; the child is ours and not reaped.
            unsafe { libc::kill(one.pid, one.end) };
        }
        return Ok(());
    }
    let id = request["id"].as_u64().ok_or_else(|| Failure::new("read a request", "it has no id"))?;
    match begin(id, &request, runtime.copy_for(&request["spec"])) {
        Ok(one) => running.push(one),
        Err(failure) => answer(id, Err(failure))?,
    }
    Ok(())
}

fn begin(id: u64, request: &Value, runtime: Option<&File>) -> Result<Running> {
    let words: Option<Vec<&str>> = request["words"].as_array().and_then(|all| all.iter().map(Value::as_str).collect());
    let words = words.ok_or_else(|| Failure::new("read a request", "it has no words"))?;
    let parent = kernel::own_pid();
    // Closed here when the child has its own.
    let (life, _held) = kernel::pipe()?;
    match kernel::fork(None)? {
        Forked::Child => {
            // A later server may clean up at once what this step was making: nothing may go on making it.
            kernel::die_with(parent);
            for signal in IGNORED {
                kernel::handle(signal, libc::SIG_DFL);
            }
            let is_told = answer(id, step(&words, &request["spec"], runtime, &Teller { id })).is_ok();
            kernel::exit_child(if is_told { 0 } else { 1 })
        }
        Forked::Parent(pid) => {
            let end = if words == ["run"] { libc::SIGTERM } else { libc::SIGKILL };
            Ok(Running { id, pid, life, is_cancelled: false, end })
        }
    }
}

fn answer(id: u64, outcome: Result<Value>) -> Result<()> {
    let line = match outcome {
        Ok(mut said) => {
            said["id"] = json!(id);
            said.to_string()
        }
        Err(Failure { step, message }) => {
            let refusal = |most| {
                let short = |text: &str| text.chars().take(most).collect::<String>();
                json!({ "id": id, "ok": false, "step": short(&step), "message": short(&message) }).to_string()
            };
            let mut most = 2000;
            while refusal(most).len() >= ANSWER_MAX {
                most /= 2;
            }
            refusal(most)
        }
    };
    write(line)
}

fn write(mut line: String) -> Result<()> {
    line.push('\n');
    let mut out = kernel::standard_output()?;
    out.write_all(line.as_bytes()).during(|| "answer".to_string())
}
