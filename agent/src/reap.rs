//! Children that have changed: the agent is the parent of every process whose own is gone.

use crate::agent::Agent;
use crate::board::Progress;
use crate::pool::ZygotePhase;
use crate::sys;

/// Children reaped in one turn of the loop, so that a fork bomb does not keep the agent busy.
const TURN: usize = 1024;

enum Change {
    Exited(i32),
    Killed(i32),
    Stopped,
    Other,
}

fn next() -> Option<(i32, Change)> {
    // SAFETY: a siginfo of zeros is valid, and the kernel fills it.
    unsafe {
        let mut info: libc::siginfo_t = std::mem::zeroed();
        let flags = libc::WEXITED | libc::WSTOPPED | libc::WNOHANG;
        let result = libc::waitid(libc::P_ALL, 0, &mut info, flags);
        if result != 0 || info.si_pid() == 0 {
            return None;
        }
        let change = match info.si_code {
            libc::CLD_EXITED => Change::Exited(info.si_status()),
            libc::CLD_KILLED | libc::CLD_DUMPED => Change::Killed(info.si_status()),
            libc::CLD_STOPPED => Change::Stopped,
            _ => Change::Other,
        };
        Some((info.si_pid(), change))
    }
}

impl Agent {
    /// Takes note of children that ended or stopped; true when there may be more.
    pub fn reap(&mut self) -> bool {
        for _ in 0..TURN {
            match next() {
                None => return false,
                Some((pid, Change::Exited(code))) => self.on_exit(pid, code, false),
                Some((pid, Change::Killed(signal))) => self.on_exit(pid, signal, true),
                Some((pid, Change::Stopped)) => self.on_stop(pid),
                Some((_, Change::Other)) => {}
            }
        }
        true
    }

    fn on_exit(&mut self, pid: i32, status: i32, by_signal: bool) {
        self.settle_exit(pid, status, by_signal);
        self.pool.forget_dying(pid);
    }

    fn settle_exit(&mut self, pid: i32, status: i32, by_signal: bool) {
        if self.pool.spawner.as_ref().map_or(false, |spawner| spawner.pid == pid) {
            // What it answered before it died still counts.
            self.read_spawner(true);
            return self.lose_spawner();
        }
        let mut child = self.pool.find_pid(pid);
        if child.is_none() && !self.by_pid.contains_key(&pid) {
            // It may be one that the spawner told of, and nobody has listened yet.
            self.read_answers();
            child = self.pool.find_pid(pid);
        }
        if let Some(index) = child {
            if let Some(zygote) = self.pool.cells[index].as_mut() {
                zygote.reaped = true;
            }
            self.settle_zygote(index);
        }
        if let Some(key) = self.by_pid.get(&pid).copied() {
            self.leader_exited(key, status, by_signal);
        } else if let Some(worker) = self.find_worker(pid) {
            self.end_worker(worker);
        }
    }

    /// The agent's own children go on when something in the capsule stops them.
    fn on_stop(&mut self, pid: i32) {
        self.read_answers();
        let is_spawner = self.pool.spawner.as_ref().map_or(false, |spawner| spawner.pid == pid);
        let is_child = self.pool.find_pid(pid).map_or(false, |index| {
            let phase = self.pool.cells[index].as_ref().map(|zygote| zygote.phase);
            phase == Some(ZygotePhase::Ready) || self.pool.board.get(index) == Progress::Waiting
        });
        if is_spawner || is_child || self.find_worker(pid).is_some() {
            sys::kill(pid, libc::SIGCONT);
        } else {
            // It may be one that the spawner has made and not told of yet.
            self.pool.strange_stop = self.pool.is_expecting();
        }
    }
}
