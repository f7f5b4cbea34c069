//! The fields that requests about files share.

use super::digits::from_base64;
use super::path::MAX_PATH;
use crate::refusal::{Code, Refusal};
use crate::request::{id, number, text, wrong, Object};

/// Most bits a mode has.
const MODE: u64 = 0o7777;

/// The greatest number means "leave it as it is" to the kernel.
pub const SAME: u32 = u32::MAX;

/// A path: `field` as text, or base64 under `field_64` where it is none.
pub fn optional_path(object: &Object, field: &'static str, field_64: &'static str) -> Result<Option<Vec<u8>>, Refusal> {
    let bytes = match (text(object, field)?, text(object, field_64)?) {
        (Some(text), None) => text.as_bytes().to_vec(),
        (None, Some(text)) => match from_base64(text) {
            Some(bytes) if !bytes.contains(&0) => bytes,
            _ => return Err(wrong(field_64, "must be base64 of a path without NUL")),
        },
        (None, None) => return Ok(None),
        (Some(_), Some(_)) => return Err(wrong(field_64, "is given beside the path as text")),
    };
    if bytes.first() != Some(&b'/') {
        return Err(wrong(field, "must be absolute"));
    }
    if bytes.len() > MAX_PATH {
        return Err(Refusal::of(Code::NameTooLong, field, format!("has more than {} bytes", MAX_PATH)));
    }
    Ok(Some(bytes))
}

pub fn path(object: &Object) -> Result<Vec<u8>, Refusal> {
    optional_path(object, "path", "path_base64")?.ok_or_else(|| wrong("path", "is missing"))
}

/// Permission bits; none where they are left out.
pub fn mode(object: &Object) -> Result<Option<u32>, Refusal> {
    match number(object, "mode", u64::MAX)? {
        u64::MAX => Ok(None),
        mode if mode <= MODE => Ok(Some(mode as u32)),
        _ => Err(wrong("mode", "must be 0 to 4095 (octal 7777)")),
    }
}

/// uid and gid, SAME where they are left out.
pub fn owner(object: &Object) -> Result<(u32, u32), Refusal> {
    let one = |field| match number(object, field, u64::MAX)? {
        u64::MAX => Ok(SAME),
        value => id(value, field),
    };
    Ok((one("uid")?, one("gid")?))
}
