#![no_main]
//! The program: everything is in the library, so that tests can use its parts.

/// The arguments are taken as the kernel gave them, to be overwritten in place.
///
/// # Safety
/// Called once, by the C library.
#[no_mangle]
pub unsafe extern "C" fn main(argc: libc::c_int, argv: *mut *mut libc::c_char) -> libc::c_int {
    capsuled_agent::boot(argc, argv)
}
