//! `watch`: what changes in a directory, and below it. A directory that appears is watched first
//! and looked into then, so that nothing in it is missed; what appears meanwhile may be told twice.

use super::calls::{self, Names};
use super::channel::Channel;
use super::draft::is_hidden;
use super::entry::put;
use super::path::{target, text, Parents};
use super::request;
use super::stop::{refused, Stop};
use crate::frame::{self, Kind};
use crate::refusal::{Code, Refusal};
use crate::request::{flag, Object};
use crate::sys::{self, check, Errno};
use serde_json::{json, Value};
use std::collections::HashMap;
use std::os::unix::io::{AsRawFd, FromRawFd, OwnedFd};

/// Most directories that one watch looks at.
pub const MAX_WATCHES: usize = 8192;
/// Levels below the directory that are looked into.
const MAX_LEVELS: usize = 256;
/// Bytes of frames in one write.
const BATCH: usize = 64 * 1024;
const EVENT: usize = 16;

const MASK: u32 = libc::IN_CREATE
    | libc::IN_MODIFY
    | libc::IN_DELETE
    | libc::IN_MOVED_FROM
    | libc::IN_MOVED_TO
    | libc::IN_ATTRIB
    | libc::IN_DELETE_SELF
    | libc::IN_MOVE_SELF
    | libc::IN_ONLYDIR
    | libc::IN_EXCL_UNLINK;

struct Watched {
    /// The directory that holds it, none for the root; its name there.
    parent: Option<i32>,
    name: Vec<u8>,
}

/// One event as the kernel tells it.
struct Event {
    watch: i32,
    mask: u32,
    cookie: u32,
    name: Vec<u8>,
}

struct Watch {
    inotify: OwnedFd,
    root: i32,
    path: Vec<u8>,
    recursive: bool,
    watched: HashMap<i32, Watched>,
    out: Vec<u8>,
    /// The first half of a move, until the other half comes.
    from: Option<(u32, Vec<u8>, bool)>,
}

pub fn run(channel: &mut Channel, object: &Object) -> Result<Value, Stop> {
    let path = request::path(object)?;
    let recursive = flag(object, "recursive", false)?;
    let (place, _) = target(&path, Parents::MustExist)?;
    let dir = calls::open(&place.dir, &place.name, libc::O_RDONLY | libc::O_DIRECTORY, 0).map_err(|errno| refused(errno, &path))?;
    let end = path.iter().rposition(|byte| *byte != b'/').map_or(0, |at| at + 1);
    // SAFETY: makes a new descriptor, which nobody else knows.
    let inotify =
        unsafe { check(libc::inotify_init1(libc::IN_CLOEXEC | libc::IN_NONBLOCK).into()).map(|fd| OwnedFd::from_raw_fd(fd as i32)) };
    let inotify = inotify.map_err(limit_or(&path))?;
    let mut watch =
        Watch { inotify, root: -1, path: path[..end].to_vec(), recursive, watched: HashMap::new(), out: Vec::new(), from: None };
    watch.root = watch.add(&dir, None, b"")?;
    if recursive {
        let root = watch.root;
        watch.descend(&dir, root, 0, false)?;
    }
    channel.send_json(Kind::Head, &json!({"watches": watch.watched.len()}))?;
    // A directory that is held open is not gone, whoever removes it.
    drop(dir);
    watch.follow(channel)
}

fn limit_or(path: &[u8]) -> impl Fn(Errno) -> Stop + '_ {
    move |errno| match errno {
        libc::ENOSPC | libc::EMFILE => Refusal::new(Code::WatchLimit, "the machine gives no more watches").into(),
        errno => refused(errno, path),
    }
}

/// Whether it is what the kernel calls a file that has no name (`O_TMPFILE`), and not one of that very name.
fn is_nameless(name: &[u8], path: &[u8]) -> bool {
    let is_number = name.first() == Some(&b'#') && name.len() > 1 && name[1..].iter().all(u8::is_ascii_digit);
    is_number && calls::root().and_then(|root| calls::open(&root, &text(path), libc::O_PATH | libc::O_NOFOLLOW, 0)).is_err()
}

impl Watch {
    fn add(&mut self, dir: &OwnedFd, parent: Option<i32>, name: &[u8]) -> Result<i32, Stop> {
        if self.watched.len() >= MAX_WATCHES {
            return Err(Refusal::new(Code::WatchLimit, format!("more than {} directories", MAX_WATCHES)).into());
        }
        let path = text(format!("/proc/self/fd/{}", dir.as_raw_fd()).as_bytes());
        // SAFETY: the path ends in NUL.
        let added = check(unsafe { libc::inotify_add_watch(self.inotify.as_raw_fd(), path.as_ptr(), MASK) }.into());
        let id = added.map_err(limit_or(&self.path))? as i32;
        // One that is known already has come to another place.
        self.watched.insert(id, Watched { parent, name: name.to_vec() });
        Ok(id)
    }

    fn path_of(&self, id: i32, name: &[u8]) -> Vec<u8> {
        let (mut parts, mut at) = (vec![name], Some(id));
        while let Some(one) = at.and_then(|id| self.watched.get(&id)) {
            parts.push(&one.name);
            at = one.parent;
            if parts.len() > MAX_LEVELS + 2 {
                break;
            }
        }
        let mut path = self.path.clone();
        for part in parts.into_iter().rev().filter(|part| !part.is_empty()) {
            path.push(b'/');
            path.extend_from_slice(part);
        }
        path
    }

    /// Watches the directories in a directory; tells all that is in it, where it is new.
    fn descend(&mut self, dir: &OwnedFd, id: i32, level: usize, tell: bool) -> Result<(), Stop> {
        if level >= MAX_LEVELS {
            return Ok(());
        }
        let mut names = match Names::of(dir) {
            Ok(names) => names,
            Err(_) => return Ok(()),
        };
        while let Ok(Some((name, kind))) = names.next() {
            if is_hidden(name.to_bytes()) {
                continue;
            }
            let is_dir = match kind {
                libc::DT_UNKNOWN => calls::about_at(dir, &name).map_or(false, |about| calls::is(&about, libc::S_IFDIR)),
                kind => kind == libc::DT_DIR,
            };
            if tell {
                let path = self.path_of(id, name.to_bytes());
                self.tell("create", &path, None, is_dir);
            }
            if let Some(child) = Some(()).filter(|()| is_dir).and_then(|()| calls::open_child(dir, &name).ok()) {
                let below = self.add(&child, Some(id), name.to_bytes())?;
                self.descend(&child, below, level + 1, tell)?;
            }
        }
        Ok(())
    }

    /// A directory has come: it and all below it is watched.
    fn adopt(&mut self, parent: i32, name: &[u8], tell: bool) -> Result<(), Stop> {
        let path = self.path_of(parent, name);
        let opened =
            calls::root().and_then(|root| calls::open(&root, &text(&path), libc::O_RDONLY | libc::O_DIRECTORY | libc::O_NOFOLLOW, 0));
        if let Ok(dir) = opened {
            let id = self.add(&dir, Some(parent), name)?;
            let level = path[self.path.len()..].iter().filter(|byte| **byte == b'/').count();
            self.descend(&dir, id, level, tell)?;
        }
        Ok(())
    }

    /// A directory has gone elsewhere: what is below it is not watched any more.
    fn forget(&mut self, parent: i32, name: &[u8]) {
        let mut gone: Vec<i32> =
            self.watched.iter().filter(|(_, one)| one.parent == Some(parent) && one.name == name).map(|(id, _)| *id).collect();
        let mut at = 0;
        while let Some(id) = gone.get(at).copied() {
            gone.extend(self.watched.iter().filter(|(_, one)| one.parent == Some(id)).map(|(id, _)| *id));
            at += 1;
        }
        for id in gone {
            self.watched.remove(&id);
            // SAFETY: touches no memory.
            unsafe { libc::inotify_rm_watch(self.inotify.as_raw_fd(), id) };
        }
    }

    fn tell(&mut self, kind: &str, path: &[u8], from: Option<&[u8]>, is_dir: bool) {
        let mut event = json!({"kind": kind, "directory": is_dir});
        put(&mut event, "path", path);
        if let Some(from) = from {
            put(&mut event, "from", from);
        }
        frame::encode(Kind::Entry, event.to_string().as_bytes(), &mut self.out);
    }

    /// The first half of a move that has no other half: it left the tree.
    fn settle_from(&mut self) {
        if let Some((_, path, is_dir)) = self.from.take() {
            self.tell("delete", &path, None, is_dir);
        }
    }

    /// True when the root is gone.
    fn on_event(&mut self, event: &Event) -> Result<bool, Stop> {
        if event.mask & libc::IN_Q_OVERFLOW != 0 {
            self.settle_from();
            frame::encode(Kind::Entry, json!({"kind": "overflow"}).to_string().as_bytes(), &mut self.out);
            return Ok(false);
        }
        if event.mask & libc::IN_IGNORED != 0 {
            self.watched.remove(&event.watch);
            return Ok(event.watch == self.root);
        }
        if event.mask & (libc::IN_DELETE_SELF | libc::IN_MOVE_SELF | libc::IN_UNMOUNT) != 0 {
            return Ok(event.watch == self.root);
        }
        // What is put in its place under another name is new there, and what takes such a name is gone.
        if !self.watched.contains_key(&event.watch) || is_hidden(&event.name) {
            return Ok(false);
        }
        let is_dir = event.mask & libc::IN_ISDIR != 0;
        let path = self.path_of(event.watch, &event.name);
        let paired = event.mask & libc::IN_MOVED_TO != 0 && self.from.as_ref().map_or(false, |(cookie, _, _)| *cookie == event.cookie);
        if !paired {
            self.settle_from();
        }
        let adopts = self.recursive && is_dir;
        if event.mask & libc::IN_MOVED_FROM != 0 {
            if adopts {
                self.forget(event.watch, &event.name);
            }
            self.from = Some((event.cookie, path, is_dir));
        } else if event.mask & libc::IN_MOVED_TO != 0 {
            match self.from.take() {
                Some((_, from, _)) => self.tell("move", &path, Some(&from), is_dir),
                None => self.tell("create", &path, None, is_dir),
            }
            if adopts {
                self.adopt(event.watch, &event.name, !paired)?;
            }
        } else if event.mask & libc::IN_CREATE != 0 {
            self.tell("create", &path, None, is_dir);
            if adopts {
                self.adopt(event.watch, &event.name, true)?;
            }
        } else if event.mask & libc::IN_DELETE != 0 {
            self.tell("delete", &path, None, is_dir);
        } else if event.mask & libc::IN_MODIFY != 0 {
            self.tell("modify", &path, None, is_dir);
        } else if event.mask & libc::IN_ATTRIB != 0 && !event.name.is_empty() && !is_nameless(&event.name, &path) {
            self.tell("attrib", &path, None, is_dir);
        }
        Ok(false)
    }

    fn flush(&mut self, channel: &Channel) -> Result<(), Stop> {
        let out = std::mem::take(&mut self.out);
        channel.send(&out)
    }

    /// Sends events until the root is gone, or the host has had enough.
    fn follow(&mut self, channel: &mut Channel) -> Result<Value, Stop> {
        let mut buffer = vec![0u8; 64 * 1024];
        loop {
            let fds = [self.inotify.as_raw_fd(), channel.socket.as_raw_fd()];
            let mut fds = fds.map(|fd| libc::pollfd { fd, events: libc::POLLIN, revents: 0 });
            // Both halves of a move come together, or the other one never comes.
            let wait = if self.from.is_some() { 20 } else { -1 };
            // SAFETY: the array is valid for its length.
            let ready = check(unsafe { libc::poll(fds.as_mut_ptr(), 2, wait) }.into());
            if ready == Ok(0) {
                self.settle_from();
                self.flush(channel)?;
            }
            if fds[1].revents != 0 || !channel.is_empty() {
                return match channel.next_data() {
                    Err(Stop::Refused(refusal)) if refusal.code == Code::Cancelled => Ok(json!({"ended": "cancelled"})),
                    Err(stop) => Err(stop),
                    Ok(_) => Err(Refusal::new(Code::Protocol, "a watch takes no input").into()),
                };
            }
            let got = sys::read(&self.inotify, &mut buffer).unwrap_or(0);
            let mut at = 0;
            while at + EVENT <= got {
                let word = |from: usize| u32::from_ne_bytes([buffer[from], buffer[from + 1], buffer[from + 2], buffer[from + 3]]);
                let length = word(at + 12) as usize;
                let name = buffer[at + EVENT..(at + EVENT + length).min(got)].iter().copied().take_while(|byte| *byte != 0).collect();
                let event = Event { watch: word(at) as i32, mask: word(at + 4), cookie: word(at + 8), name };
                at += EVENT + length;
                if self.on_event(&event)? {
                    self.settle_from();
                    self.flush(channel)?;
                    return Ok(json!({"ended": "gone"}));
                }
                if self.out.len() >= BATCH {
                    self.flush(channel)?;
                }
            }
            self.flush(channel)?;
        }
    }
}
