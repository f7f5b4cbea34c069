//! `chmod`: permission bits and owners, of one thing or of a tree.

use super::calls;
use super::path::{target, Parents};
use super::request::{self, SAME};
use super::stat::told;
use super::stop::{refused, Stop};
use super::walk::{walk, Visitor};
use crate::request::{flag, wrong, Object};
use crate::sys::Errno;
use serde_json::{json, Value};
use std::ffi::CStr;
use std::os::unix::io::OwnedFd;

struct Change {
    mode: Option<u32>,
    uid: u32,
    gid: u32,
    changed: u64,
}

impl Change {
    fn apply(&mut self, dir: &OwnedFd, name: &CStr) -> Result<(), Errno> {
        let about = calls::about_at(dir, name)?;
        if self.uid != SAME || self.gid != SAME {
            calls::change_owner_at(dir, name, self.uid, self.gid)?;
        }
        match self.mode {
            // Links have no mode of their own.
            Some(mode) if !calls::is(&about, libc::S_IFLNK) => calls::change_mode_at(dir, name, mode)?,
            _ => {}
        }
        self.changed += 1;
        Ok(())
    }

    fn one(&mut self, dir: &OwnedFd, name: &CStr, path: &[u8]) -> Result<(), Stop> {
        match self.apply(dir, name) {
            // Gone meanwhile.
            Err(libc::ENOENT) => Ok(()),
            other => other.map_err(|errno| refused(errno, path)),
        }
    }
}

impl Visitor for Change {
    fn leaf(&mut self, dir: &OwnedFd, name: &CStr, path: &[u8]) -> Result<(), Stop> {
        self.one(dir, name, path)
    }

    fn enter(&mut self, _: &OwnedFd, _: &CStr, _: &[u8]) -> Result<bool, Stop> {
        Ok(true)
    }

    fn leave(&mut self, dir: &OwnedFd, name: &CStr, path: &[u8]) -> Result<(), Stop> {
        self.one(dir, name, path)
    }
}

pub fn run(object: &Object) -> Result<Value, Stop> {
    let path = request::path(object)?;
    let (uid, gid) = request::owner(object)?;
    let mut change = Change { mode: request::mode(object)?, uid, gid, changed: 0 };
    if change.mode.is_none() && (uid, gid) == (SAME, SAME) {
        return Err(wrong("mode", "is missing, and so are uid and gid").into());
    }
    let (place, about) = target(&path, Parents::MustExist)?;
    let about = about.ok_or_else(|| refused(libc::ENOENT, &path))?;
    if flag(object, "recursive", false)? && calls::is(&about, libc::S_IFDIR) {
        walk(&place.dir, &place.name, &path, &mut change)?;
    } else {
        change.apply(&place.dir, &place.name).map_err(|errno| refused(errno, &path))?;
    }
    Ok(json!({"changed": change.changed, "entry": told(&place, &path)?}))
}
