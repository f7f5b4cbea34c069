//! `remove`: a file, a link itself, an empty directory, or a whole tree.

use super::calls;
use super::path::{place, Parents};
use super::request;
use super::stop::{refused, Stop};
use super::walk::{walk, Visitor};
use crate::request::{flag, wrong, Object};
use crate::sys::Errno;
use serde_json::{json, Value};
use std::ffi::CStr;
use std::os::unix::io::OwnedFd;

#[derive(Default)]
pub struct Removal {
    removed: u64,
}

impl Removal {
    fn count(&mut self, result: Result<(), Errno>, path: &[u8]) -> Result<(), Stop> {
        match result {
            Ok(()) => self.removed += 1,
            // Somebody else was quicker.
            Err(libc::ENOENT) => {}
            Err(errno) => return Err(refused(errno, path)),
        }
        Ok(())
    }
}

impl Visitor for Removal {
    fn leaf(&mut self, dir: &OwnedFd, name: &CStr, path: &[u8]) -> Result<(), Stop> {
        self.count(calls::unlink(dir, name), path)
    }

    fn enter(&mut self, _: &OwnedFd, _: &CStr, _: &[u8]) -> Result<bool, Stop> {
        Ok(true)
    }

    fn leave(&mut self, dir: &OwnedFd, name: &CStr, path: &[u8]) -> Result<(), Stop> {
        self.count(calls::remove_dir(dir, name), path)
    }
}

pub fn run(object: &Object) -> Result<Value, Stop> {
    let path = request::path(object)?;
    let recursive = flag(object, "recursive", false)?;
    let place = place(&path, Parents::MustExist)?;
    if place.name.to_bytes() == b"." {
        return Err(wrong("path", "is the root of the capsule").into());
    }
    let about = calls::about_at(&place.dir, &place.name).map_err(|errno| refused(errno, &path))?;
    let mut removal = Removal::default();
    let is_dir = calls::is(&about, libc::S_IFDIR);
    let result = match (is_dir, recursive) {
        (true, true) => return walk(&place.dir, &place.name, &path, &mut removal).map(|()| json!({"removed": removal.removed})),
        (true, false) => calls::remove_dir(&place.dir, &place.name),
        (false, _) => calls::unlink(&place.dir, &place.name),
    };
    result.map_err(|errno| refused(errno, &path))?;
    Ok(json!({"removed": 1}))
}
