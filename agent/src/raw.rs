//! System calls past the C library, for a child that shares another process's memory: the library keeps
//! errno, and what it allocates, in that memory.

use crate::sys::{CloneArgs, Errno};
use std::arch::asm;

/// What a call gave, or its errno.
fn result(value: isize) -> Result<usize, Errno> {
    if value < 0 {
        Err(-value as Errno)
    } else {
        Ok(value as usize)
    }
}

/// Any call of up to five arguments.
///
/// # Safety
/// As that call.
#[cfg(target_arch = "x86_64")]
pub unsafe fn call(number: libc::c_long, args: [usize; 5]) -> Result<usize, Errno> {
    let mut value = number as isize;
    asm!("syscall", inlateout("rax") value, in("rdi") args[0], in("rsi") args[1], in("rdx") args[2], in("r10") args[3],
         in("r8") args[4], lateout("rcx") _, lateout("r11") _, options(nostack));
    result(value)
}

#[cfg(target_arch = "aarch64")]
pub unsafe fn call(number: libc::c_long, args: [usize; 5]) -> Result<usize, Errno> {
    let mut value = args[0] as isize;
    asm!("svc 0", inlateout("x0") value, in("x1") args[1], in("x2") args[2], in("x3") args[3], in("x4") args[4],
         in("x8") number, options(nostack));
    result(value)
}

/// What the filter of the spawner lets `clone3` be called by: it stands in registers that the call itself does not read, and in none
/// when it is over, in the child neither.
pub type Word = [u64; 2];

/// A fork with its flags; 0 in the child.
///
/// # Safety
/// The process must have one thread only, and the flags must not share memory.
#[cfg(target_arch = "x86_64")]
pub unsafe fn clone3(args: &CloneArgs, word: *const Word) -> Result<i32, Errno> {
    let mut value = libc::SYS_clone3 as isize;
    asm!("mov rdx, [r8]", "mov r10, [r8 + 8]", "syscall", "xor edx, edx", "xor r10d, r10d",
         inlateout("rax") value, in("rdi") args, in("rsi") std::mem::size_of::<CloneArgs>(), in("r8") word,
         lateout("rcx") _, lateout("r11") _, out("rdx") _, out("r10") _);
    result(value).map(|pid| pid as i32)
}

#[cfg(target_arch = "aarch64")]
pub unsafe fn clone3(args: &CloneArgs, word: *const Word) -> Result<i32, Errno> {
    let mut value = args as *const CloneArgs as isize;
    asm!("ldp x2, x3, [x9]", "svc 0", "mov x2, xzr", "mov x3, xzr",
         inlateout("x0") value, in("x1") std::mem::size_of::<CloneArgs>(), in("x8") libc::SYS_clone3, in("x9") word, out("x2") _, out("x3") _);
    result(value).map(|pid| pid as i32)
}

/// Makes a child that begins with `enter(argument)` on the stack that `args` name; its pid.
///
/// # Safety
/// The stack is the child's alone, and `enter` may run beside the caller.
#[cfg(target_arch = "x86_64")]
pub unsafe fn clone_onto<T>(
    args: &CloneArgs,
    word: *const Word,
    enter: extern "C" fn(*mut T) -> !,
    argument: *mut T,
) -> Result<i32, Errno> {
    let mut value = libc::SYS_clone3 as isize;
    asm!("mov rdx, [r8]", "mov r10, [r8 + 8]", "syscall", "xor edx, edx", "xor r10d, r10d", "test rax, rax", "jnz 2f", "xor ebp, ebp",
         "mov rdi, r12", "call r13", "ud2", "2:",
         inlateout("rax") value, in("rdi") args, in("rsi") std::mem::size_of::<CloneArgs>(), in("r8") word, in("r12") argument,
         in("r13") enter, lateout("rcx") _, lateout("r11") _, out("rdx") _, out("r10") _);
    result(value).map(|pid| pid as i32)
}

#[cfg(target_arch = "aarch64")]
pub unsafe fn clone_onto<T>(
    args: &CloneArgs,
    word: *const Word,
    enter: extern "C" fn(*mut T) -> !,
    argument: *mut T,
) -> Result<i32, Errno> {
    let mut value = args as *const CloneArgs as isize;
    asm!("ldp x2, x3, [x11]", "svc 0", "mov x2, xzr", "mov x3, xzr", "cbnz x0, 2f", "mov x29, xzr", "mov x0, x9", "blr x10", "brk 1", "2:",
         inlateout("x0") value, in("x1") std::mem::size_of::<CloneArgs>(), in("x8") libc::SYS_clone3, in("x9") argument, in("x10") enter,
         in("x11") word, out("x2") _, out("x3") _);
    result(value).map(|pid| pid as i32)
}

/// Ends this process.
pub fn exit(code: usize) -> ! {
    loop {
        // SAFETY: does not return.
        let _ = unsafe { call(libc::SYS_exit_group, [code, 0, 0, 0, 0]) };
    }
}
