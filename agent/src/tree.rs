//! Signals to a whole tree of processes: by its slot, and by walking over parents where there is none.

use crate::agent::Agent;
use crate::clock::MS;
use crate::process::{Reason, Requested};
use crate::procfs;
use crate::slab::Key;
use crate::sys;
use crate::timers::Timer;
use std::collections::HashMap;

/// Times that a walk is repeated for processes born meanwhile.
const MAX_WALKS: usize = 16;

impl Agent {
    /// Signals a process's tree and notes who asked.
    pub fn signal_tree(&mut self, key: Key, signal: i32, by: &str, reason: Reason) {
        // So that every child of the agent's own is known.
        self.read_answers();
        let process = match self.processes.get_mut(key) {
            Some(process) if process.is_live() => process,
            _ => return,
        };
        let timed_out = process.requested.as_ref().map_or(false, |requested| requested.reason == Reason::TimedOut);
        let by = by.to_string();
        // A timeout stays the reason, whatever is asked for after it.
        let reason = if timed_out { Reason::TimedOut } else { reason };
        let earlier = process.requested.as_ref().filter(|before| before.reason == reason).map_or(signal, |before| before.signal);
        process.requested = Some(Requested { by, signal, earlier, reason });
        let (pid, slot, leads) = (process.pid, process.slot, process.leader.is_none());
        if !slot.map_or(false, |slot| self.signal_slot(slot, signal)) && leads {
            self.signal_descendants(pid, signal);
        }
    }

    /// Signals everything in a slot; false where the slot cannot be asked.
    fn signal_slot(&self, slot: Key, signal: i32) -> bool {
        if signal == libc::SIGKILL && self.slots.kill(slot) {
            return true;
        }
        match self.slots.members(slot) {
            Ok(members) => {
                members.iter().for_each(|pid| sys::kill(*pid, signal));
                true
            }
            Err(_) => false,
        }
    }

    /// Signals a process and all that descend from it, by their parents.
    pub fn signal_descendants(&self, root: i32, signal: i32) {
        let mut done: Vec<i32> = Vec::new();
        for _ in 0..MAX_WALKS {
            let fresh: Vec<i32> = self.tree_of(root).into_iter().filter(|pid| !done.contains(pid)).collect();
            if fresh.is_empty() {
                break;
            }
            if signal == libc::SIGKILL {
                // Stopped first, so that none forks between being seen and being killed.
                fresh.iter().for_each(|pid| sys::kill(*pid, libc::SIGSTOP));
            }
            done.extend_from_slice(&fresh);
            if signal != libc::SIGKILL {
                fresh.iter().for_each(|pid| sys::kill(*pid, signal));
            }
        }
        if signal == libc::SIGKILL {
            done.iter().for_each(|pid| sys::kill(*pid, signal));
        }
    }

    fn tree_of(&self, root: i32) -> Vec<i32> {
        let mut children: HashMap<i32, Vec<i32>> = HashMap::new();
        for pid in procfs::pids() {
            if let Some(stat) = procfs::stat(pid).filter(|stat| !stat.is_zombie) {
                children.entry(stat.ppid).or_default().push(pid);
            }
        }
        let mut tree = vec![root];
        let mut at = 0;
        while let Some(pid) = tree.get(at).copied() {
            tree.extend(children.remove(&pid).unwrap_or_default().into_iter().filter(|child| !self.is_own(*child)));
            at += 1;
        }
        tree
    }

    /// SIGTERM, and SIGKILL after the grace; without grace SIGKILL at once.
    pub fn end_tree(&mut self, key: Key, by: &str, reason: Reason, grace_ms: u64) {
        if grace_ms == 0 {
            return self.signal_tree(key, libc::SIGKILL, by, reason);
        }
        self.signal_tree(key, libc::SIGTERM, by, reason);
        if let Some(process) = self.processes.get(key) {
            let due = self.unfrozen().saturating_add(grace_ms.saturating_mul(MS));
            self.timers.at_unfrozen(due, Timer::Grace(key, process.slot));
        }
    }

    /// The grace is over: kills what is left, of the leader's descendants too.
    pub fn grace_over(&mut self, key: Key, slot: Option<Key>) {
        let requested = match self.processes.get(key) {
            Some(process) if process.is_live() => process.requested.clone(),
            _ => None,
        };
        match (requested, slot) {
            (Some(requested), _) => self.signal_tree(key, libc::SIGKILL, &requested.by, requested.reason),
            (None, Some(slot)) => drop(self.slots.kill(slot)),
            (None, None) => {}
        }
    }

    pub fn timeout_over(&mut self, key: Key) {
        self.signal_tree(key, libc::SIGKILL, "timeout", Reason::TimedOut);
    }
}
