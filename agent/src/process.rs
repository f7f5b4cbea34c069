//! A process started through the API, from its request to the facts of its end.

use crate::digest::hex;
use crate::journal::Journal;
use crate::lean;
use crate::record::Stream;
use crate::request::StartRequest;
use crate::slab::Key;
use crate::stdin::Stdin;
use serde_json::{json, Value};
use std::os::unix::io::OwnedFd;

/// Bytes of a process's command line that are kept for lists.
pub const MAX_ARGS_KEPT: usize = 4096;

/// Cuts a text to at most `limit` bytes at a character; gives what is left of it.
pub fn cut(text: &mut String, limit: usize) -> usize {
    let mut at = text.len().min(limit);
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    text.truncate(at);
    at
}

/// Why a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    Exited,
    Signaled,
    OomKilled,
    TimedOut,
    Killed,
    Stopped,
    ClientGone,
    ServerLost,
    CapsuleStopped,
    CapsuleDestroyed,
    AgentLost,
    HostRestarted,
}

impl Reason {
    pub fn text(self) -> &'static str {
        match self {
            Reason::Exited => "exited",
            Reason::Signaled => "signaled",
            Reason::OomKilled => "oom_killed",
            Reason::TimedOut => "timed_out",
            Reason::Killed => "killed",
            Reason::Stopped => "stopped",
            Reason::ClientGone => "client_gone",
            Reason::ServerLost => "server_lost",
            Reason::CapsuleStopped => "capsule_stopped",
            Reason::CapsuleDestroyed => "capsule_destroyed",
            Reason::AgentLost => "agent_lost",
            Reason::HostRestarted => "host_restarted",
        }
    }
}

/// The latest signal that somebody asked for.
#[derive(Clone, Debug)]
pub struct Requested {
    pub by: String,
    pub signal: i32,
    /// The one before it for the same reason: the process may have died of that already.
    pub earlier: i32,
    /// The reason if the process dies of it.
    pub reason: Reason,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// No child has been given to it yet.
    Waiting,
    /// A child has the request.
    Launching,
    Running,
    Ended,
}

/// How the kernel said the leader went.
#[derive(Clone, Copy, Debug)]
pub struct LeaderExit {
    /// The exit code, or the number of the signal.
    pub status: i32,
    pub by_signal: bool,
    pub at: u64,
    pub at_unix_ms: u64,
    pub oom_kills: u64,
}

/// One output stream's pipe.
#[derive(Default)]
pub struct Output {
    pub pipe: Option<OwnedFd>,
    /// There may be bytes to read: no event tells it again.
    pub readable: bool,
    /// Waits in the loop's list for its next turn.
    pub queued: bool,
    /// Bytes that were in the pipe when the leader exited and belong to the journal.
    pub owed: usize,
    pub enlarged: bool,
    /// Events tell of it.
    pub watched: bool,
}

pub struct Process {
    pub request: StartRequest,
    /// What the child is given to become; empty once it has.
    pub program: Vec<u8>,
    /// A lean child can become it.
    pub lean: bool,
    pub phase: Phase,
    pub pid: i32,
    /// The connection whose end may mean something for it.
    pub owner: Option<Key>,
    pub readers: Vec<Key>,
    pub journal: Journal,
    pub outputs: [Output; 2],
    pub stdin: Option<Stdin>,
    pub slot: Option<Key>,
    pub requested: Option<Requested>,
    /// A cancel that came before the process was there: reason, milliseconds of grace.
    pub cancel: Option<(Reason, u64)>,
    /// Children that were given the request and died before they took it up.
    pub tries: u32,
    pub oom_before: u64,
    pub started: u64,
    pub started_unix_ms: u64,
    pub leader: Option<LeaderExit>,
    /// The end's sequence number.
    pub end_seq: u64,
    pub late_bytes: u64,
    /// Not read until a reader takes something: since when.
    pub paced_since: Option<u64>,
    /// Monotonic time of the latest record.
    pub read_at: u64,
    /// A timer looks at slow readers already.
    pub pace_timer: bool,
    /// The bound between the leader's exit and the end of its output is over.
    pub output_due: bool,
    /// In the list of those whose journal is to be written.
    pub spills_later: bool,
    /// Connections that asked for the same by its key and wait for its start, and whether they attach.
    pub repeats: Vec<(Key, bool)>,
    /// Which of all ends this was: greater is later.
    pub ended_order: u64,
    /// The end's facts, in JSON, of a process that an earlier agent left.
    pub past_end: Option<Box<str>>,
    /// No selector finds it any more; it lasts while descendants hold its pipes.
    pub forgotten: bool,
}

/// The name of a signal; those without one here are told by number.
pub fn signal_name(number: i32) -> String {
    const NAMES: [&str; 31] = [
        "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE", "ALRM", "TERM", "STKFLT",
        "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "IO", "PWR", "SYS",
    ];
    match NAMES.get((number - 1) as usize) {
        Some(name) => format!("SIG{}", name),
        None => format!("SIGRT{}", number),
    }
}

/// Lets go of what only the child needs, and of more arguments than a list shows.
fn shorten(request: &mut StartRequest) {
    request.program = Default::default();
    let mut left = MAX_ARGS_KEPT.saturating_sub(cut(&mut request.cmd, MAX_ARGS_KEPT));
    for mut arg in std::mem::take(&mut request.args) {
        if left == 0 {
            break;
        }
        left = left.saturating_sub(cut(&mut arg, left).max(1));
        arg.shrink_to_fit();
        request.args.push(arg);
    }
}

impl Process {
    pub fn new(mut request: StartRequest, owner: Option<Key>) -> Process {
        let program = request.program.encode();
        let lean = !request.stdin && request.pty.is_none() && lean::suits(&request.program, program.len());
        shorten(&mut request);
        Process {
            request,
            program,
            lean,
            phase: Phase::Waiting,
            pid: 0,
            owner,
            readers: Vec::new(),
            journal: Journal::default(),
            outputs: [Output::default(), Output::default()],
            stdin: None,
            slot: None,
            requested: None,
            cancel: None,
            tries: 0,
            oom_before: 0,
            started: 0,
            started_unix_ms: 0,
            leader: None,
            end_seq: 0,
            late_bytes: 0,
            paced_since: None,
            read_at: 0,
            pace_timer: false,
            output_due: false,
            spills_later: false,
            repeats: Vec::new(),
            ended_order: 0,
            past_end: None,
            forgotten: false,
        }
    }

    /// Started and not yet ended.
    pub fn is_live(&self) -> bool {
        self.phase == Phase::Running
    }

    pub fn is_ended(&self) -> bool {
        self.phase == Phase::Ended
    }

    /// Foreground and with no other name than its id: its end is only news to whoever started it.
    pub fn is_plain(&self) -> bool {
        self.request.foreground && self.request.tag.is_empty() && self.request.key.is_none()
    }

    /// Likely to be over in a moment, and nobody misses what it does before: it is plain, and takes no input.
    pub fn is_short(&self) -> bool {
        self.is_plain() && self.stdin.is_none()
    }

    /// Its journal stays as it is in memory: the short run of a plain process touches no disk.
    pub fn rests_in_memory(&self) -> bool {
        self.is_ended() && self.is_plain()
    }

    pub fn output(&mut self, stream: Stream) -> &mut Output {
        &mut self.outputs[stream.index()]
    }

    /// Whether everything that belongs to the journal is in it, once the leader is gone.
    pub fn output_ended(&self) -> bool {
        self.outputs.iter().all(|output| output.pipe.is_none())
    }

    /// Whether bytes of before the leader's exit are still in a pipe.
    pub fn owes_output(&self) -> bool {
        self.outputs.iter().any(|output| output.pipe.is_some() && output.owed > 0)
    }

    /// Why it ended, once it has.
    pub fn end_reason(&self) -> Option<Reason> {
        self.leader.as_ref().map(|exit| self.reason(exit))
    }

    fn reason(&self, exit: &LeaderExit) -> Reason {
        match (&self.requested, exit.by_signal) {
            (Some(requested), _) if requested.reason == Reason::TimedOut => Reason::TimedOut,
            (_, false) => Reason::Exited,
            (Some(requested), true) if [requested.signal, requested.earlier].contains(&exit.status) => requested.reason,
            (_, true) if exit.status == libc::SIGKILL && exit.oom_kills > 0 => Reason::OomKilled,
            (_, true) => Reason::Signaled,
        }
    }

    pub fn started_json(&self, next_seq: u64) -> Value {
        let mut started = json!({
            "id": self.request.id, "pid": self.pid, "tag": self.request.tag,
            "next_seq": next_seq, "started_at_ms": self.started_unix_ms,
        });
        self.tell_pty(&mut started);
        if let Some(stdin) = self.stdin.as_ref().and_then(|stdin| stdin.to_json()) {
            started["stdin"] = stdin;
        }
        started
    }

    fn tell_pty(&self, facts: &mut Value) {
        if let Some((cols, rows)) = self.request.pty {
            facts["pty"] = json!({"cols": cols, "rows": rows});
        }
    }

    /// The end's facts; none before the end.
    pub fn exit_json(&self) -> Option<Value> {
        if let Some(past) = &self.past_end {
            let mut exit: Value = serde_json::from_str(past).ok()?;
            exit["gap_bytes"] = self.journal.gap_bytes().into();
            return Some(exit);
        }
        let exit = self.leader.as_ref().filter(|_| self.is_ended())?;
        let signal = if exit.by_signal { Some(signal_name(exit.status)) } else { None };
        let requested = self.requested.as_ref();
        Some(json!({
            "id": self.request.id, "pid": self.pid, "tag": self.request.tag, "seq": self.end_seq,
            "exit_code": if exit.by_signal { 128 + exit.status } else { exit.status },
            "signal": signal, "reason": self.reason(exit).text(),
            "requested": requested.map(|one| json!({"by": one.by, "signal": signal_name(one.signal)})),
            "oom_kills": exit.oom_kills,
            "duration_ms": exit.at.saturating_sub(self.started) / crate::clock::MS,
            "started_at_ms": self.started_unix_ms, "ended_at_ms": exit.at_unix_ms,
            "stdout_bytes": self.journal.printed(Stream::Stdout),
            "stderr_bytes": self.journal.printed(Stream::Stderr),
            "late_bytes": self.late_bytes, "gap_bytes": self.journal.gap_bytes(),
            "stdout_sha256": self.journal.digest(Stream::Stdout),
            "stderr_sha256": self.journal.digest(Stream::Stderr),
            "stdout_tail": hex(self.journal.tail(Stream::Stdout).as_slice()),
            "stderr_tail": hex(self.journal.tail(Stream::Stderr).as_slice()),
        }))
    }

    /// The greatest number that a reader may come from. After the end its own number and the one
    /// behind it are as good as the end; readers of text have a number more where both streams end
    /// in the middle of a character, since what stands for each is a message of its own.
    pub fn last_from(&self) -> u64 {
        let cut = |exit: &Value, name: &str| u64::from(exit[name].as_str().map_or(false, |tail| !tail.is_empty()));
        let behind = self.exit_json().map_or(0, |exit| (cut(&exit, "stdout_tail") + cut(&exit, "stderr_tail")).max(1));
        self.journal.next_seq() + behind
    }

    /// What the log says about it.
    pub fn log_json(&self) -> Value {
        let mut facts = json!({
            "id": self.request.id, "pid": self.pid, "tag": self.request.tag, "cmd": self.request.cmd,
            "args": self.request.args, "started_at_ms": self.started_unix_ms, "foreground": self.request.foreground,
        });
        self.tell_pty(&mut facts);
        for (name, value) in [("key", &self.request.key), ("by", &self.request.by)] {
            if let Some(value) = value {
                facts[name] = value.as_str().into();
            }
        }
        facts
    }

    /// What `get` tells.
    pub fn facts_json(&self) -> Value {
        let mut facts = self.log_json();
        facts["running"] = self.is_live().into();
        facts["next_seq"] = self.journal.next_seq().into();
        facts["stdout_bytes"] = self.journal.printed(Stream::Stdout).into();
        facts["stderr_bytes"] = self.journal.printed(Stream::Stderr).into();
        facts["gap_bytes"] = self.journal.gap_bytes().into();
        if let Some(exit) = self.exit_json() {
            facts["exit"] = exit;
        }
        facts
    }
}
