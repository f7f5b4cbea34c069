//! `mkdir`: a new directory.

use super::calls;
use super::path::{place, Parents};
use super::request;
use super::stat::told;
use super::stop::{refused, Stop};
use crate::request::{flag, Object};
use serde_json::{json, Value};

const NEW_MODE: u32 = 0o755;

pub fn run(object: &Object) -> Result<Value, Stop> {
    let path = request::path(object)?;
    let mode = request::mode(object)?;
    let (uid, gid) = request::owner(object)?;
    let parents = if flag(object, "parents", false)? { Parents::Make { uid, gid } } else { Parents::MustExist };
    let mut at = place(&path, parents)?;
    let made = calls::make_dir(&at.dir, &at.name, NEW_MODE)
        .and_then(|()| calls::change_owner_at(&at.dir, &at.name, uid, gid))
        .and_then(|()| mode.map_or(Ok(()), |mode| calls::change_mode_at(&at.dir, &at.name, mode)));
    if let Err(mut errno) = made {
        at.undo();
        let is_dir = calls::about_target(&at.dir, &at.name).map_or(false, |about| calls::is(&about, libc::S_IFDIR));
        if errno == libc::EEXIST && !is_dir {
            errno = libc::ENOTDIR;
        }
        return Err(refused(errno, &path));
    }
    Ok(json!({ "entry": told(&at, &path)? }))
}
