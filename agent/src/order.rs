//! Children ordered from the spawner, and its answers, which are read when a child is needed.

use crate::agent::Agent;
use crate::board::Progress;
use crate::clock::MS;
use crate::passing::send_with;
use crate::poller::{Source, READABLE};
use crate::pool::{Zygote, ZygotePhase};
use crate::refusal::{Code, Refusal};
use crate::slab::Key;
use crate::spawner::{Answer, LEAN};
use crate::sys::{self, Errno};
use std::os::unix::io::AsRawFd;

impl Agent {
    /// Orders one child, a lean one or one that can do all; false where that cannot be done now.
    pub fn order(&mut self, lean: bool) -> bool {
        let index = match self.pool.cells.iter().position(|cell| cell.is_none()) {
            Some(index) => index,
            None => return false,
        };
        // What a lean child is given is less than a pipe takes at once, and it gives nothing back.
        let way = || if lean { sys::pipe().map(|(end, own)| (own, end)) } else { sys::socket_pair(libc::SOCK_STREAM) };
        let made = sys::pipe().and_then(|out| Ok((out, sys::pipe()?, way()?)));
        let ((stdout, stdout_end), (stderr, stderr_end), (socket, socket_end)) = match made {
            Ok(made) => made,
            Err(errno) => {
                self.no_children(errno);
                return false;
            }
        };
        for fd in [&stdout, &stderr, &socket] {
            let _ = sys::set_nonblocking(fd);
        }
        self.pool.generation = (self.pool.generation + 1) & 0xff_ffff;
        let key = Key { index: index as u32, generation: self.pool.generation };
        let slot = self.slots.take();
        let mut fds = vec![socket_end.as_raw_fd(), stdout_end.as_raw_fd(), stderr_end.as_raw_fd()];
        fds.extend(slot.and_then(|slot| self.slots.directory(slot)));
        self.pool.board.set(index, Progress::Waiting);
        self.pool.cells[index] = Some(Zygote {
            key,
            lean,
            phase: ZygotePhase::Ordered,
            pid: 0,
            socket,
            stdout,
            stderr,
            held: None,
            slot,
            rest: Vec::new(),
            heard: false,
            stderr_heard: false,
            reaped: false,
            given_at: 0,
        });
        let what = index as u32 | if lean { LEAN } else { 0 };
        let sent = match &self.pool.spawner {
            Some(spawner) => send_with(&spawner.socket, &what.to_le_bytes(), &fds),
            None => Err(libc::EPIPE),
        };
        match sent {
            Ok(_) => {
                if let Some(zygote) = self.pool.cells[index].as_mut() {
                    zygote.held = Some(stderr_end);
                }
                true
            }
            Err(errno) => {
                self.drop_zygote(index);
                if errno == libc::EPIPE || errno == libc::ECONNRESET {
                    self.lose_spawner();
                }
                false
            }
        }
    }

    /// Learns of the children that are ready by now.
    pub fn read_answers(&mut self) {
        if self.pool.is_expecting() {
            self.read_spawner(false);
        }
    }

    /// Children that the spawner has made and not told of yet, as a list of /proc may meet one: whoever is in the slot of a child that
    /// is ordered. Where the host has no slots, none is known.
    pub fn untold_children(&self) -> Vec<i32> {
        self.pool.expected_slots().flat_map(|slot| self.slots.members(slot).unwrap_or_default()).collect()
    }

    /// Reads what the spawner has answered.
    pub fn read_spawner(&mut self, gone: bool) {
        let mut buffer = [0; 64];
        loop {
            let result = match &self.pool.spawner {
                Some(spawner) => sys::read(&spawner.socket, &mut buffer),
                None => return,
            };
            match result {
                Ok(Answer::SIZE) => {
                    if let Some(answer) = Answer::decode(&buffer) {
                        self.on_answer(answer);
                    }
                }
                Err(libc::EINTR) => {}
                Err(libc::EAGAIN) if !gone => return,
                _ => {
                    // Killed by signal as well, so that nothing is left that only lost its socket.
                    if let Some(pid) = self.pool.spawner.as_ref().map(|spawner| spawner.pid) {
                        self.pool.kill_own(pid);
                    }
                    return self.lose_spawner();
                }
            }
        }
    }

    fn on_answer(&mut self, answer: Answer) {
        let index = answer.cell as usize;
        let zygote = match self.pool.cells.get_mut(index).and_then(|cell| cell.as_mut()) {
            Some(zygote) if zygote.phase == ZygotePhase::Ordered => zygote,
            _ => return,
        };
        if answer.pid <= 1 {
            self.drop_zygote(index);
            return self.no_children(answer.errno);
        }
        zygote.pid = answer.pid;
        zygote.phase = ZygotePhase::Ready;
        let lost_slot = if answer.joined { None } else { zygote.slot.take() };
        if let Some(slot) = lost_slot {
            self.slots.release(slot);
        }
        if self.pool.strange_stop {
            // It may have been stopped when nobody knew yet whose it was.
            sys::kill(answer.pid, libc::SIGCONT);
            self.pool.strange_stop = self.pool.is_expecting();
        }
    }

    /// The kernel makes no children at the moment: who waits is told so at once.
    pub fn no_children(&mut self, errno: Errno) {
        self.rest(50 * MS);
        let served = |lean| self.pool.find_child(lean).is_some();
        let is_served = [served(false), served(true)];
        for waiter in std::mem::take(&mut self.pool.waiting) {
            if is_served[usize::from(self.is_lean(waiter))] {
                self.pool.waiting.push_back(waiter);
                continue;
            }
            let message = format!("no process can be started (errno {})", errno);
            self.fail_waiter(waiter, Refusal::new(Code::ProcessLimit, message));
        }
    }

    /// Has the spawner's answers wake the loop only while somebody waits for them.
    pub fn hear_spawner(&mut self) {
        let wanted = !self.pool.waiting.is_empty();
        if let Some(spawner) = self.pool.spawner.as_mut().filter(|spawner| spawner.heard != wanted) {
            let nobody = Key { index: 0, generation: 0 };
            let flags = if wanted { READABLE } else { 0 };
            if self.poller.change(&spawner.socket, flags, Source::Spawner, nobody).is_ok() {
                spawner.heard = wanted;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::board::CELLS;
    use crate::passing::receive_with;
    use crate::poller::Event;
    use crate::pool::{Spawner, Waiter};
    use crate::process::Process;
    use crate::request::{Object, StartRequest};
    use serde_json::json;
    use std::os::unix::io::OwnedFd;

    /// An agent whose spawner is the other end of the socket.
    fn agent() -> (Agent, OwnedFd) {
        let mut agent = Agent::bare();
        let (own, other) = sys::socket_pair(libc::SOCK_SEQPACKET).unwrap();
        sys::set_nonblocking(&own).unwrap();
        // A number that no process has.
        agent.pool.spawner = Some(Spawner { pid: i32::MAX, socket: own, heard: true });
        (agent, other)
    }

    fn answer(spawner: &OwnedFd, cell: u32) {
        sys::write(spawner, &Answer { cell, pid: i32::MAX, errno: 0, joined: true }.encode()).unwrap();
    }

    /// A plain process that waits for a child.
    fn wait(agent: &mut Agent, args: &[String]) -> Waiter {
        let mut object = Object::new();
        object.insert("id".into(), json!("pr-abcdefghijklmnopqrstuvwxy"));
        object.insert("cmd".into(), json!("true"));
        object.insert("args".into(), json!(args));
        object.insert("foreground".into(), json!(true));
        let process = Process::new(StartRequest::read(&object).unwrap_or_else(|_| panic!("a start")), None);
        assert!(process.is_short());
        let waiter = Waiter::Process(agent.processes.insert(process));
        agent.pool.waiting.push_back(waiter);
        waiter
    }

    /// A child that is ready: its cell, and its own ends of its descriptors.
    fn ready(agent: &mut Agent, spawner: &OwnedFd, lean: bool) -> (usize, Vec<OwnedFd>) {
        let (mut order, mut ends) = ([0; 4], Vec::new());
        assert!(agent.order(lean));
        receive_with(spawner, &mut order, &mut ends).unwrap();
        let cell = u32::from_le_bytes(order) & !LEAN;
        answer(spawner, cell);
        agent.read_answers();
        (cell as usize, ends)
    }

    #[test]
    fn standard_error_is_heard_though_there_was_no_room_for_it_at_first() {
        let (mut agent, spawner) = agent();
        let (cell, ends) = ready(&mut agent, &spawner, true);
        let (nobody, mut events) = (Key { index: 0, generation: 0 }, Vec::<Event>::new());
        // What is listened to already cannot be added: the kernel's refusal for this test.
        agent.poller.add(&agent.pool.cells[cell].as_ref().unwrap().stderr, READABLE, Source::Stderr, nobody).unwrap();
        wait(&mut agent, &[]);
        assert!(agent.dispatch());
        agent.poller.remove(&agent.pool.cells[cell].as_ref().unwrap().stderr);
        agent.pool.board.set(cell, Progress::Taken);
        agent.settle_zygote(cell);
        sys::write(&ends[2], b"heard").unwrap();
        agent.poller.wait(0, &mut events);
        assert!(events.iter().any(|event| event.source == Source::Stderr));
    }

    #[test]
    fn a_child_that_has_a_part_of_a_request_is_given_no_other() {
        let (mut agent, spawner) = agent();
        let (cell, _ends) = ready(&mut agent, &spawner, false);
        let nobody = Key { index: 0, generation: 0 };
        agent.poller.add(&agent.pool.cells[cell].as_ref().unwrap().socket, 0, Source::Zygote, nobody).unwrap();
        let long = vec!["x".repeat(100_000); 10];
        wait(&mut agent, &long);
        assert!(agent.dispatch());
        assert!(agent.processes.keys().is_empty(), "it was refused");
        assert_eq!(agent.pool.find_child(false), None);
    }

    #[test]
    fn a_plain_program_is_given_to_a_lean_child_that_is_there_and_not_told_of_yet() {
        let (mut agent, spawner) = agent();
        assert!(agent.order(false) && agent.order(true));
        answer(&spawner, 0);
        agent.read_answers();
        answer(&spawner, 1);
        let waiter = wait(&mut agent, &[]);
        assert!(agent.dispatch());
        assert_eq!(agent.pool.find_waiter(waiter), Some(1), "a copy serves it");
    }

    #[test]
    fn where_many_are_kept_several_are_ordered_together() {
        let (mut agent, spawner) = agent();
        (0..6).for_each(|_| agent.grow_pool(true));
        agent.tend_pool();
        let lean: Vec<usize> = (0..CELLS).filter(|index| agent.pool.is_lean(*index)).collect();
        lean.iter().for_each(|index| answer(&spawner, *index as u32));
        agent.read_answers();
        let mut coming = Vec::new();
        for index in &lean[..5] {
            agent.drop_zygote(*index);
            agent.tend_pool();
            coming.push(agent.pool.count_kind(true, ZygotePhase::Ordered));
        }
        assert_eq!((lean.len(), coming), (8, vec![0, 0, 0, 4, 4]));
    }
}
