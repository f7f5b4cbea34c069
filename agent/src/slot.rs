//! Slots: one sub-cgroup for each process, by which its whole tree is found and killed.

use crate::slab::{Key, Slab};
use crate::sys::{self, Errno};
use std::cell::Cell;
use std::os::unix::io::{AsRawFd, OwnedFd, RawFd};

/// Most empty slots kept for the next processes.
pub const MAX_SPARE_SLOTS: usize = 16;
/// Most slots at once, those of surviving descendants included.
pub const MAX_SLOTS: usize = 4096;
/// How many slots one sweep looks at.
const SWEEP: usize = 64;

struct Slot {
    name: u64,
    dir: OwnedFd,
    events: OwnedFd,
    /// Kernels since 6.14 also kill at birth what is cloned into a cgroup that was ever killed, so such a slot is not used again.
    killed: Cell<bool>,
}

pub struct Slots {
    /// The directory `work`; none on a host without cgroup2.
    work: Option<OwnedFd>,
    all: Slab<Slot>,
    spare: Vec<Key>,
    /// Slots whose process has ended, but not all of its descendants.
    lingering: Vec<Key>,
    next_name: u64,
}

impl Slots {
    pub fn new(work: Option<OwnedFd>) -> Slots {
        Slots { work, all: Slab::default(), spare: Vec::new(), lingering: Vec::new(), next_name: 0 }
    }

    pub fn work(&self) -> Option<&OwnedFd> {
        self.work.as_ref()
    }

    pub fn has_lingering(&self) -> bool {
        !self.lingering.is_empty()
    }

    /// An empty slot; none where the host has no cgroup2 or gives no more.
    pub fn take(&mut self) -> Option<Key> {
        if self.spare.is_empty() {
            self.sweep();
        }
        self.spare.pop().or_else(|| self.make())
    }

    fn make(&mut self) -> Option<Key> {
        if self.all.len() >= MAX_SLOTS {
            return None;
        }
        let work = self.work.as_ref()?;
        loop {
            let name = self.next_name;
            self.next_name += 1;
            let path = path_of(name);
            // SAFETY: the path ends in NUL.
            let made = unsafe { libc::mkdirat(work.as_raw_fd(), path.as_ptr().cast(), 0o755) };
            match sys::check(made.into()) {
                // A slot of that name outlived an agent before this one.
                Err(libc::EEXIST) => continue,
                Err(_) => return None,
                Ok(_) => {}
            }
            let opened = sys::open_at(Some(work), &path, libc::O_RDONLY | libc::O_DIRECTORY)
                .and_then(|dir| Ok((sys::open_at(Some(&dir), b"cgroup.events\0", libc::O_RDONLY)?, dir)));
            return match opened {
                Ok((events, dir)) => Some(self.all.insert(Slot { name, dir, events, killed: Cell::new(false) })),
                Err(_) => {
                    remove(work, name);
                    None
                }
            };
        }
    }

    /// The directory's descriptor, for a process to be born in it.
    pub fn directory(&self, key: Key) -> Option<RawFd> {
        self.all.get(key).map(|slot| slot.dir.as_raw_fd())
    }

    /// Kills everything in the slot at once; false where that could not be asked for.
    pub fn kill(&self, key: Key) -> bool {
        let slot = match self.all.get(key) {
            Some(slot) => slot,
            None => return false,
        };
        slot.killed.set(true);
        sys::open_at(Some(&slot.dir), b"cgroup.kill\0", libc::O_WRONLY).and_then(|file| sys::write(&file, b"1")).is_ok()
    }

    /// The pids in the slot now, as this namespace knows them.
    pub fn members(&self, key: Key) -> Result<Vec<i32>, Errno> {
        let slot = self.all.get(key).ok_or(libc::ENOENT)?;
        let file = sys::open_at(Some(&slot.dir), b"cgroup.procs\0", libc::O_RDONLY)?;
        let (mut text, mut buffer) = (Vec::new(), [0; 4096]);
        while text.len() < 1 << 20 {
            match sys::read(&file, &mut buffer)? {
                0 => break,
                got => text.extend_from_slice(&buffer[..got]),
            }
        }
        let lines = String::from_utf8_lossy(&text);
        Ok(lines.lines().filter_map(|line| line.parse().ok()).filter(|pid| *pid > 1).collect())
    }

    fn is_populated(&self, key: Key) -> bool {
        let mut text = [0; 64];
        match self.all.get(key).map(|slot| sys::pread(&slot.events, &mut text)) {
            Some(Ok(length)) => text[..length].starts_with(b"populated 1"),
            _ => false,
        }
    }

    /// Gives a slot back; while descendants live in it, it is not used again.
    pub fn release(&mut self, key: Key) {
        if self.all.get(key).is_none() {
            return;
        }
        if self.is_populated(key) {
            self.lingering.push(key);
        } else {
            self.retire(key);
        }
    }

    fn retire(&mut self, key: Key) {
        let fit = self.all.get(key).map_or(false, |slot| !slot.killed.get());
        if fit && self.spare.len() < MAX_SPARE_SLOTS {
            // A new key, so that nobody who knew the last inhabitants can reach the next.
            if let Some(slot) = self.all.remove(key) {
                let fresh = self.all.insert(slot);
                self.spare.push(fresh);
            }
        } else if let (Some(slot), Some(work)) = (self.all.remove(key), self.work.as_ref()) {
            remove(work, slot.name);
        }
    }

    /// Looks for slots that have emptied since.
    pub fn sweep(&mut self) {
        for _ in 0..self.lingering.len().min(SWEEP) {
            let key = self.lingering.remove(0);
            if self.is_populated(key) {
                self.lingering.push(key);
            } else {
                self.retire(key);
            }
        }
    }

    /// Kills everything in every slot.
    pub fn kill_all(&self) {
        for key in self.all.keys() {
            self.kill(key);
        }
    }
}

fn path_of(name: u64) -> Vec<u8> {
    format!("slot-{}\0", name).into_bytes()
}

fn remove(work: &OwnedFd, name: u64) {
    let path = path_of(name);
    // SAFETY: the path ends in NUL.
    unsafe { libc::unlinkat(work.as_raw_fd(), path.as_ptr().cast(), libc::AT_REMOVEDIR) };
}
