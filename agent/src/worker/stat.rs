//! `stat`: the facts of one path; of a link itself, and what it leads to.

use super::calls;
use super::entry::entry;
use super::names::Names;
use super::path::{place, Parents, Place};
use super::request;
use super::stop::{refused, Stop};
use crate::request::Object;
use serde_json::{json, Value};

pub fn run(object: &Object) -> Result<Value, Stop> {
    let path = request::path(object)?;
    let place = place(&path, Parents::MustExist)?;
    Ok(json!({ "entry": told(&place, &path)? }))
}

/// The facts of a place as it is now.
pub fn told(place: &Place, path: &[u8]) -> Result<Value, Stop> {
    let about = calls::about_at(&place.dir, &place.name).map_err(|errno| refused(errno, path))?;
    let end = path.iter().rposition(|byte| *byte != b'/').map_or(1, |at| at + 1);
    Ok(entry(&place.dir, &place.name, &path[..end], &about, &mut Names::default()))
}
