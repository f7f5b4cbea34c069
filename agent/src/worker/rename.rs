//! `move`: another name or place for anything; a link itself, not what it leads to.

use super::calls;
use super::copy::{copy, ends};
use super::path::{place, Parents};
use super::remove::Removal;
use super::stat::told;
use super::stop::{refused, stop, Stop};
use super::walk::walk;
use crate::refusal::Code;
use crate::request::{flag, wrong, Object};
use serde_json::{json, Value};

pub fn run(object: &Object) -> Result<Value, Stop> {
    let (from_path, to_path, parents) = ends(object)?;
    let overwrite = flag(object, "overwrite", false)?;
    let from = place(&from_path, Parents::MustExist).map_err(|stop| stop.about("from"))?;
    if from.name.to_bytes() == b"." {
        return Err(wrong("from", "is the root of the capsule").into());
    }
    let about = calls::about_at(&from.dir, &from.name).map_err(|errno| refused(errno, &from_path).about("from"))?;
    let mut to = place(&to_path, parents).map_err(|stop| stop.about("to"))?;
    let moved = match calls::rename((&from.dir, &from.name), (&to.dir, &to.name), overwrite) {
        Ok(()) => Ok(()),
        Err(libc::EINVAL) => Err(stop(Code::BadRequest, "cannot be moved into itself", &to_path).about("to")),
        // Another file system, or a directory of the template on a layered one.
        Err(libc::EXDEV) => copy(&from, &from_path, &to, &to_path, true, overwrite).and_then(|count| {
            if count.skipped > 0 {
                // Both are there then: nothing is lost.
                return Err(
                    stop(Code::NotFile, "sockets and devices cannot be moved; the copy is there without them", &from_path).about("from")
                );
            }
            match calls::is(&about, libc::S_IFDIR) {
                true => walk(&from.dir, &from.name, &from_path, &mut Removal::default()),
                false => calls::unlink(&from.dir, &from.name).map_err(|errno| refused(errno, &from_path)),
            }
        }),
        Err(libc::ENOENT) => Err(refused(libc::ENOENT, &from_path).about("from")),
        Err(errno) => Err(refused(errno, &to_path).about("to")),
    };
    if moved.is_err() {
        to.undo();
    }
    moved?;
    Ok(json!({ "entry": told(&to, &to_path)? }))
}
