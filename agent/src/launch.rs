//! From a start to a running process: a request meets a child, and the child becomes the program.

use crate::agent::Agent;
use crate::board::{Progress, Step};
use crate::clock::{self, MS, SECOND};
use crate::connection::Operation;
use crate::frame::Kind;
use crate::passing::send_with;
use crate::poller::{Source, EDGE, WRITABLE};
use crate::pool::{Waiter, ZygotePhase};
use crate::process::{Phase, Process};
use crate::record::Stream;
use crate::refusal::{Code, Refusal};
use crate::slab::Key;
use crate::sys::{self, Errno};
use crate::terminal;
use crate::timers::Timer;
use std::os::unix::io::{AsRawFd, OwnedFd, RawFd};

/// Milliseconds of unfrozen time that a start waits for its program to run.
pub const MAX_START_WAIT_MS: u64 = 10_000;
/// Children that may die with one request before it is given up.
pub const MAX_TRIES: u32 = 8;
/// Milliseconds after which a child that does nothing is woken from a stop.
const NUDGE_MS: u64 = 100;

impl Agent {
    /// Gives waiting processes to ready children, in order; true where one was given something.
    pub fn dispatch(&mut self) -> bool {
        let mut given = false;
        while let Some(waiter) = self.pool.waiting.front().copied() {
            if !self.still_waits(waiter) {
                self.pool.waiting.pop_front();
                continue;
            }
            let lean = self.is_lean(waiter);
            let mut found = self.pool.find_ready(lean);
            if found.is_none() {
                // One of its kind may be there by now: a copy in the place of a lean child costs more, and is made again.
                self.read_answers();
                found = self.pool.find_child(lean);
            }
            let index = match found {
                Some(index) => index,
                None => return given,
            };
            if lean && !self.pool.is_lean(index) {
                self.grow_pool(true);
            }
            self.pool.waiting.pop_front();
            let handed = match waiter {
                Waiter::Process(process) => self.hand_over(process, index),
                Waiter::Worker(worker) => self.hand_connection(worker, index),
            };
            given = true;
            if let Err(errno) = handed {
                if errno == libc::EPIPE || errno == libc::ECONNRESET {
                    self.lose_zygote(index);
                    self.pool.waiting.push_front(waiter);
                } else {
                    // It may have a part of the request, behind which no other must come.
                    self.drop_zygote(index);
                    self.fail_waiter(waiter, Refusal::new(Code::ProcessLimit, format!("errno {}", errno)));
                }
            }
        }
        given
    }

    /// Whether a lean child will do.
    pub fn is_lean(&self, waiter: Waiter) -> bool {
        match waiter {
            Waiter::Process(key) => self.processes.get(key).map_or(false, |process| process.lean),
            Waiter::Worker(_) => false,
        }
    }

    fn still_waits(&self, waiter: Waiter) -> bool {
        match waiter {
            Waiter::Process(key) => self.processes.get(key).is_some(),
            Waiter::Worker(key) => self.workers.get(key).is_some(),
        }
    }

    /// Nobody will serve who waited for a child.
    pub fn fail_waiter(&mut self, waiter: Waiter, refusal: Refusal) {
        match waiter {
            Waiter::Process(key) => self.fail_start(key, refusal),
            Waiter::Worker(key) => self.fail_worker(key, refusal),
        }
    }

    fn hand_over(&mut self, key: Key, index: usize) -> Result<(), Errno> {
        let oom_before = self.oom.read();
        let (process, zygote) = match (self.processes.get_mut(key), self.pool.cells.get_mut(index)) {
            (Some(process), Some(Some(zygote))) => (process, zygote),
            _ => return Ok(()),
        };
        let bytes = &process.program;
        let mut fds: Vec<RawFd> = Vec::new();
        let mut read_end: Option<OwnedFd> = None;
        if process.request.stdin && process.request.pty.is_none() {
            let (read, write) = sys::pipe()?;
            sys::set_nonblocking(&write)?;
            fds.push(read.as_raw_fd());
            read_end = Some(read);
            if let Some(stdin) = &mut process.stdin {
                stdin.set_pipe(Some(write));
            }
        }
        let sent = if zygote.lean { sys::write(&zygote.socket, bytes)? } else { send_with(&zygote.socket, bytes, &fds)? };
        drop(read_end);
        zygote.send_later(&bytes[sent..], &self.poller)?;
        zygote.phase = ZygotePhase::Launching(Waiter::Process(key));
        process.phase = Phase::Launching;
        process.oom_before = oom_before;
        self.listen(index);
        Ok(())
    }

    /// Looks at a child again that was given something to do.
    pub fn nudge_later(&mut self, child: Key) {
        self.timers.at_unfrozen(self.unfrozen() + NUDGE_MS * MS, Timer::Nudge(child));
    }

    /// Sends more of a long request.
    pub fn feed_zygote(&mut self, index: usize) {
        if let Some(zygote) = self.pool.cells.get_mut(index).and_then(|cell| cell.as_mut()) {
            while !zygote.rest.is_empty() {
                match sys::send(&zygote.socket, &zygote.rest) {
                    Ok(sent) => drop(zygote.rest.drain(..sent)),
                    Err(libc::EINTR) => {}
                    Err(_) => return,
                }
            }
        }
    }

    /// A child that has a request and is silent may have been stopped from inside.
    pub fn nudge(&mut self, key: Key) {
        let index = match self.pool.find(key) {
            Some(index) => index,
            None => return,
        };
        if self.pool.board.get(index) == Progress::Waiting {
            if let Some(zygote) = self.pool.cells[index].as_ref() {
                sys::kill(zygote.pid, libc::SIGCONT);
            }
        }
        self.timers.at_unfrozen(self.unfrozen() + 5 * NUDGE_MS * MS, Timer::Nudge(key));
    }

    /// The child's socket has closed: its program runs, or it could not, or the child is dead.
    pub fn settle_zygote(&mut self, index: usize) {
        let progress = self.pool.board.get(index);
        let phase = match self.pool.cells.get(index).and_then(|cell| cell.as_ref()) {
            Some(zygote) => zygote.phase,
            None => return,
        };
        let waiter = match phase {
            ZygotePhase::Ordered | ZygotePhase::Ready => return self.lose_zygote(index),
            ZygotePhase::Launching(waiter) => waiter,
        };
        match (progress, waiter) {
            (Progress::Taken, Waiter::Process(process)) => self.begin(process, index),
            (Progress::Taken, Waiter::Worker(worker)) => self.begin_worker(worker, index),
            (Progress::Failed(step, errno), waiter) => {
                self.drop_zygote(index);
                self.fail_waiter(waiter, refusal_of(step, errno));
            }
            (Progress::Waiting, waiter) => {
                self.lose_zygote(index);
                match waiter {
                    Waiter::Process(process) => self.retry(process),
                    Waiter::Worker(worker) => self.retry_worker(worker),
                }
            }
        }
    }

    fn retry(&mut self, key: Key) {
        if let Some(process) = self.processes.get_mut(key) {
            process.phase = Phase::Waiting;
            if let Some(stdin) = &mut process.stdin {
                stdin.set_pipe(None);
            }
            process.tries += 1;
            if process.tries < MAX_TRIES {
                self.pool.waiting.push_front(Waiter::Process(key));
            } else {
                self.fail_start(key, Refusal::new(Code::ProcessLimit, "killed before it could start"));
            }
        }
    }

    /// The program runs: the child's pipes are the process's now.
    fn begin(&mut self, key: Key, index: usize) {
        let mut zygote = match self.pool.cells.get_mut(index).and_then(|cell| cell.take()) {
            Some(zygote) => zygote,
            None => return,
        };
        // From here on the end of the stream is told.
        zygote.held = None;
        // One that nobody listened to began when it was given what to do, as far as can be told.
        let started = if zygote.heard { self.now } else { zygote.given_at };
        let process = match self.processes.get_mut(key) {
            Some(process) => process,
            None => {
                // Its start was given up while it began.
                self.pool.kill_own(zygote.pid);
                if let Some(slot) = zygote.slot {
                    self.slots.kill(slot);
                    self.slots.release(slot);
                }
                return;
            }
        };
        let (stdout, stderr) = match process.request.pty {
            Some(size) => (take_terminal(process, &zygote.socket, size), None),
            None => (Some(zygote.stdout), Some(zygote.stderr)),
        };
        process.program = Vec::new();
        process.phase = Phase::Running;
        process.pid = zygote.pid;
        process.slot = zygote.slot;
        process.started = started;
        process.started_unix_ms = (clock::unix() - (self.now - started)) / MS;
        process.output(Stream::Stdout).pipe = stdout;
        process.output(Stream::Stderr).pipe = stderr;
        process.output(Stream::Stderr).watched = zygote.stderr_heard;
        let mut heard = true;
        if let Some(stdin) = &mut process.stdin {
            stdin.open();
            heard = stdin.pipe().map_or(true, |pipe| self.poller.add(pipe, WRITABLE | EDGE, Source::Stdin, key).is_ok());
            stdin.set_heard(heard);
        }
        self.by_pid.insert(zygote.pid, key);
        if process.request.timeout_ms > 0 {
            let due = self.clock.unfrozen(started).saturating_add(process.request.timeout_ms.saturating_mul(MS));
            self.timers.at_unfrozen(due, Timer::Timeout(key));
        }
        if zygote.heard {
            self.watch_output(key);
        }
        self.announce(key);
        if !heard {
            // What came before the start waits for an event that will not come.
            self.pump_stdin(key);
        }
    }

    /// Tells the connection that its process runs.
    fn announce(&mut self, key: Key) {
        self.log_start(key);
        let process = match self.processes.get_mut(key) {
            Some(process) => process,
            None => return,
        };
        let (attach, cancel, owner) = (process.request.attach, process.cancel.take(), process.owner);
        let repeats = std::mem::take(&mut process.repeats);
        if !attach {
            process.owner = None;
        }
        if let Some(owner) = owner {
            self.answer_start(key, owner, attach, false);
        }
        repeats.into_iter().for_each(|(asker, attach)| self.answer_start(key, asker, attach, true));
        if let Some((reason, grace_ms)) = cancel {
            self.end_tree(key, "cancel", reason, grace_ms);
        }
        if let Some(shutdown) = &self.shutdown {
            let reason = shutdown.reason;
            // The shutdown's signal to all may have met it while it was becoming its program.
            self.signal_tree(key, libc::SIGTERM, "shutdown", reason);
            self.end_tree(key, "shutdown", reason, 0);
        }
    }

    /// A shutdown ends the children that wait for work too: what finds none meanwhile is refused because of it.
    pub fn told_of_shutdown(&self, refusal: Refusal) -> Refusal {
        match refusal.code {
            Code::ProcessLimit if self.shutdown.is_some() => Refusal::shutting_down(),
            _ => refusal,
        }
    }

    /// A start that came to nothing.
    pub fn fail_start(&mut self, key: Key, refusal: Refusal) {
        let refusal = self.told_of_shutdown(refusal);
        let process = match self.processes.remove(key) {
            Some(process) => process,
            None => return,
        };
        self.forget_names(key, &process);
        for asker in process.owner.into_iter().chain(process.repeats.iter().map(|(asker, _)| *asker)) {
            if let Some(connection) = self.connections.get_mut(asker) {
                connection.operation = Operation::Idle;
                connection.push_json(Kind::Error, &refusal.to_json());
                self.mark_dirty(asker);
            }
        }
        self.settle_shutdown();
    }

    /// The bound on the time between a start and its program.
    pub fn start_wait_over(&mut self, key: Key) {
        let waits = |process: &Process| matches!(process.phase, Phase::Waiting | Phase::Launching);
        if !self.processes.get(key).map_or(false, waits) {
            return;
        }
        let seconds = MAX_START_WAIT_MS * MS / SECOND;
        self.fail_start(key, Refusal::new(Code::ProcessLimit, format!("no process could be started in {} s", seconds)));
        self.give_up_child(Waiter::Process(key));
    }

    /// Kills the child that has been given what nobody waits for any more.
    pub fn give_up_child(&mut self, waiter: Waiter) {
        let stuck =
            |cell: &Option<crate::pool::Zygote>| cell.as_ref().map_or(false, |zygote| zygote.phase == ZygotePhase::Launching(waiter));
        if let Some(index) = self.pool.cells.iter().position(stuck) {
            self.lose_zygote(index);
        }
    }

    /// Takes a process out of the indexes of what is live.
    pub fn forget_names(&mut self, key: Key, process: &Process) {
        let request = &process.request;
        if self.by_id.get(&request.id) == Some(&key) {
            self.by_id.remove(&request.id);
        }
        if self.by_tag.get(&request.tag) == Some(&key) {
            self.by_tag.remove(&request.tag);
        }
        if let Some(name) = request.key.as_ref().filter(|name| self.by_key.get(*name) == Some(&key)) {
            self.by_key.remove(name);
        }
        if self.by_pid.get(&process.pid) == Some(&key) {
            self.by_pid.remove(&process.pid);
        }
        if request.busy && !process.is_ended() {
            self.busy = self.busy.saturating_sub(1);
            self.touch_activity();
        }
    }
}

/// Takes the terminal that the child has opened; output comes from it, and input is typed into it.
fn take_terminal(process: &mut Process, socket: &OwnedFd, size: terminal::Size) -> Option<OwnedFd> {
    let master = terminal::take(socket)?;
    let _ = sys::set_nonblocking(&master);
    // It may have changed since the child was given the request.
    let _ = terminal::resize(&master, size);
    if let Some(stdin) = &mut process.stdin {
        stdin.set_pipe(sys::duplicate(&master).ok());
    }
    Some(master)
}

fn refusal_of(step: Step, errno: Errno) -> Refusal {
    let text = match errno {
        libc::ENOENT => "no such file or directory",
        libc::EACCES => "permission denied",
        libc::ENOTDIR => "not a directory",
        libc::ENOEXEC => "not a program that can be run",
        libc::E2BIG => "arguments and environment are too long",
        _ => "",
    };
    let message = if text.is_empty() { format!("errno {}", errno) } else { text.to_string() };
    match (step, errno) {
        (_, libc::EAGAIN) | (_, libc::ENOMEM) => Refusal::new(Code::ProcessLimit, message),
        (Step::Terminal, libc::ENOSPC) | (Step::Terminal, libc::EMFILE) => {
            Refusal::of(Code::ProcessLimit, "pty", "there are too many terminals")
        }
        (Step::Terminal, _) => Refusal::of(Code::NoTerminal, "pty", message),
        (Step::User, _) => Refusal::of(Code::BadRequest, "user", message),
        (Step::Directory, _) => Refusal::of(Code::CwdNotFound, "cwd", message),
        (Step::Exec, libc::E2BIG) => Refusal::of(Code::TooBig, "args", message),
        (Step::Exec, libc::ENOENT) | (Step::Exec, libc::ENOTDIR) | (Step::Exec, libc::ENAMETOOLONG) | (Step::Exec, libc::ELOOP) => {
            Refusal::of(Code::NotFound, "cmd", message)
        }
        (Step::Exec, _) => Refusal::of(Code::NotExecutable, "cmd", message),
    }
}
