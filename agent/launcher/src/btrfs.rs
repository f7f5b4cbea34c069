//! Subvolumes and their limits by ioctl: the tool for it costs a process each.

use crate::failure::{During, Failure, Result};
use std::fs::File;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::io::AsRawFd;
use std::path::Path;

const SUBVOLUME_CREATE: libc::c_ulong = write_code(14, 4096);
const SUBVOLUME_DELETE: libc::c_ulong = write_code(15, 4096);
const SNAPSHOT_CREATE: libc::c_ulong = write_code(1, 4096);
const ROOT_LOOKUP: libc::c_ulong = code(3, 18, 4096);
const FS_INFO: libc::c_ulong = code(2, 31, 1024);
const QUOTA_CONTROL: libc::c_ulong = code(3, 40, 16);
const QGROUP_LIMIT: libc::c_ulong = code(2, 43, 48);
const QUOTA_ENABLE: u64 = 1;
const QUOTA_ENABLE_SIMPLE: u64 = 4;
const LIMIT_REFERENCED: u64 = 1;

const fn code(direction: libc::c_ulong, number: libc::c_ulong, size: libc::c_ulong) -> libc::c_ulong {
    direction << 30 | size << 16 | 0x94 << 8 | number
}

const fn write_code(number: libc::c_ulong, size: libc::c_ulong) -> libc::c_ulong {
    code(1, number, size)
}

#[repr(C)]
struct NamedArgs {
    fd: i64,
    name: [u8; 4088],
}

#[repr(C)]
struct LookupArgs {
    tree: u64,
    object: u64,
    name: [u8; 4080],
}

#[repr(C)]
struct InfoArgs {
    max_id: u64,
    num_devices: u64,
    fsid: [u8; 16],
    rest: [u8; 992],
}

#[repr(C)]
struct QuotaArgs {
    command: u64,
    status: u64,
}

#[repr(C)]
struct LimitArgs {
    qgroup: u64,
    flags: u64,
    max_referenced: u64,
    max_exclusive: u64,
    reserved: [u64; 2],
}

fn control<T>(on: &File, request: libc::c_ulong, args: &mut T) -> io::Result<()> {
    // SAFETY: each request is paired with the structure whose size it encodes.
    if unsafe { libc::ioctl(on.as_raw_fd(), request as _, args as *mut T) } < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

fn by_name(path: &str, request: libc::c_ulong, fd: i64, step: &str) -> Result<()> {
    let whole = Path::new(path);
    let (parent, name) = match (whole.parent(), whole.file_name()) {
        (Some(parent), Some(name)) if name.len() < 256 => (parent, name),
        _ => return Err(Failure::new(step, "the path has no name")),
    };
    let mut args = NamedArgs { fd, name: [0; 4088] };
    args.name[..name.len()].copy_from_slice(name.as_bytes());
    let directory = File::open(parent).during(|| format!("open {}", parent.display()))?;
    control(&directory, request, &mut args).during(|| format!("{} {}", step, path))
}

pub fn create_subvolume(path: &str) -> Result<()> {
    by_name(path, SUBVOLUME_CREATE, 0, "create the subvolume")
}

/// Removes a subvolume with everything in it; the kernel frees its blocks later, by itself.
pub fn delete_subvolume(path: &str) -> Result<()> {
    by_name(path, SUBVOLUME_DELETE, 0, "delete the subvolume")
}

/// Makes a writable copy of a subvolume that shares its blocks; what was written before the call is in it.
pub fn snapshot_subvolume(source: &str, path: &str) -> Result<()> {
    let from = File::open(source).during(|| format!("open {}", source))?;
    by_name(path, SNAPSHOT_CREATE, i64::from(from.as_raw_fd()), "copy the subvolume to")
}

/// The number of the subvolume that `path` is in and its file system's id, by which the kernel tells its quota group.
pub fn subvolume_of(path: &str) -> Result<(u64, String)> {
    let within = File::open(path).during(|| format!("open {}", path))?;
    // Tree 0 asks for the descriptor's own; 256 is the first object of every tree.
    let mut args = LookupArgs { tree: 0, object: 256, name: [0; 4080] };
    control(&within, ROOT_LOOKUP, &mut args).during(|| format!("find the subvolume of {}", path))?;
    let mut info = InfoArgs { max_id: 0, num_devices: 0, fsid: [0; 16], rest: [0; 992] };
    control(&within, FS_INFO, &mut info).during(|| format!("find the file system of {}", path))?;
    let hex: String = info.fsid.iter().map(|byte| format!("{:02x}", byte)).collect();
    let parts = [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]];
    Ok((args.tree, parts.join("-")))
}

/// Limits what the subvolume at `path` refers to, in bytes.
pub fn limit(path: &str, bytes: u64) -> Result<()> {
    let subvolume = File::open(path).during(|| format!("open {}", path))?;
    // Number 0 stands for the subvolume that the descriptor is in.
    let mut args = LimitArgs { qgroup: 0, flags: LIMIT_REFERENCED, max_referenced: bytes, max_exclusive: 0, reserved: [0; 2] };
    control(&subvolume, QGROUP_LIMIT, &mut args).during(|| format!("limit the subvolume {}", path))
}

/// Turns quotas on: the simple kind, which charges an extent to the subvolume that made it and needs no back references,
/// and where the kernel has none, the full kind. Returns which.
pub fn enable_quota(path: &str, simple: bool) -> Result<&'static str> {
    let root = File::open(path).during(|| format!("open {}", path))?;
    if simple && control(&root, QUOTA_CONTROL, &mut QuotaArgs { command: QUOTA_ENABLE_SIMPLE, status: 0 }).is_ok() {
        return Ok("simple");
    }
    control(&root, QUOTA_CONTROL, &mut QuotaArgs { command: QUOTA_ENABLE, status: 0 }).during(|| "turn quotas on".to_string())?;
    Ok("full")
}
