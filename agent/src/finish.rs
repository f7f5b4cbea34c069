//! The end of a process: its leader's exit, the end of its output, and the bound between them.

use crate::agent::Agent;
use crate::clock::{self, MS};
use crate::process::{LeaderExit, Phase};
use crate::record::Stream;
use crate::slab::Key;
use crate::timers::Timer;

/// Milliseconds between the leader's exit and the end of its output, if descendants keep it open.
pub const OUTPUT_END_MS: u64 = 250;

/// Seconds between two looks at slots with survivors.
const SWEEP_S: u64 = 5;

impl Agent {
    /// The kernel has told how the leader ended.
    pub fn leader_exited(&mut self, key: Key, status: i32, by_signal: bool) {
        let (now, due) = (self.now, self.unfrozen() + OUTPUT_END_MS * MS);
        let oom_now = self.oom.read();
        let process = match self.processes.get_mut(key) {
            Some(process) if process.leader.is_none() => process,
            _ => return,
        };
        let oom_kills = oom_now.saturating_sub(process.oom_before);
        process.leader = Some(LeaderExit { status, by_signal, at: now, at_unix_ms: clock::unix() / MS, oom_kills });
        process.stdin = None;
        let pid = process.pid;
        self.by_pid.remove(&pid);
        for stream in Stream::BOTH {
            self.read_output(key, stream);
        }
        // Most are at their end by now and owe nothing.
        if self.processes.get_mut(key).map_or(false, Agent::settle_debts) {
            for stream in Stream::BOTH {
                self.read_output(key, stream);
            }
        }
        if self.processes.get(key).map_or(false, |process| !process.is_ended()) {
            self.timers.at_unfrozen(due, Timer::OutputEnd(key));
            self.watch_output(key);
        }
        self.try_finish(key);
    }

    /// The bound is over: what is still open belongs to descendants.
    pub fn output_end_due(&mut self, key: Key) {
        if let Some(process) = self.processes.get_mut(key) {
            process.output_due = true;
            self.try_finish(key);
        }
    }

    /// Ends the process if both its leader and its output have.
    pub fn try_finish(&mut self, key: Key) {
        let is_over = match self.processes.get(key) {
            Some(process) if process.is_live() && process.leader.is_some() => {
                process.output_ended() || (process.output_due && !process.owes_output())
            }
            _ => false,
        };
        if is_over {
            self.finish(key);
        }
    }

    fn finish(&mut self, key: Key) {
        let process = match self.processes.get_mut(key) {
            Some(process) => process,
            None => return,
        };
        process.phase = Phase::Ended;
        process.end_seq = process.journal.next_seq();
        process.paced_since = None;
        process.owner = None;
        self.ends += 1;
        process.ended_order = self.ends;
        let plain = process.is_plain();
        if !plain {
            self.spill(key, true);
        }
        self.log_end(key);
        let process = match self.processes.get_mut(key) {
            Some(process) => process,
            None => return,
        };
        process.journal.end();
        let spare = process.journal.spare.take();
        if let (Some(control), Some(spare)) = (&self.disk.control, spare) {
            control.remove_segment(&process.request.id, spare);
        }
        let readers = process.readers.clone();
        let busy = process.request.busy;
        let tag = process.request.tag.clone();
        if let Some(slot) = process.slot {
            self.slots.release(slot);
        }
        readers.iter().for_each(|reader| self.mark_dirty(*reader));
        if self.by_tag.get(&tag) == Some(&key) {
            self.by_tag.remove(&tag);
        }
        if busy {
            self.busy = self.busy.saturating_sub(1);
            self.touch_activity();
        }
        self.retain(key, plain);
        self.settle_shutdown();
        self.sweep_later();
    }

    /// Sees to it that slots with survivors are looked at again.
    pub fn sweep_later(&mut self) {
        if self.slots.has_lingering() && !self.sweeping {
            self.sweeping = true;
            self.timers.at_unfrozen(self.unfrozen() + SWEEP_S * clock::SECOND, Timer::SweepSlots);
        }
    }

    pub fn sweep_slots(&mut self) {
        self.sweeping = false;
        self.slots.sweep();
        self.sweep_later();
    }
}
