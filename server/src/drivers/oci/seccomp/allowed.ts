/**
 * System calls that a capsule's processes may use without a look at their arguments, by area. What is on no list answers
 * ENOSYS, as on a kernel that does not have it, so that libraries fall back.
 */
export const ALLOWED = {
  filesOpen: ["open", "openat", "openat2", "creat", "close", "close_range", "dup", "dup2", "dup3", "fcntl", "flock", "memfd_create"],
  filesRead: ["read", "readv", "pread64", "preadv", "preadv2", "readahead", "lseek", "sendfile", "splice", "tee", "vmsplice", "copy_file_range", "cachestat"],
  filesWrite: ["write", "writev", "pwrite64", "pwritev", "pwritev2", "truncate", "ftruncate", "fallocate", "fsync", "fdatasync", "sync", "syncfs", "sync_file_range"],
  filesLook: ["stat", "lstat", "fstat", "newfstatat", "statx", "access", "faccessat", "faccessat2", "readlink", "readlinkat", "getdents", "getdents64", "statfs", "fstatfs", "fadvise64"],
  filesChange: ["chmod", "fchmod", "fchmodat", "fchmodat2", "chown", "fchown", "lchown", "fchownat", "utime", "utimes", "utimensat", "futimesat", "umask", "mknod", "mknodat"],
  names: ["link", "linkat", "symlink", "symlinkat", "unlink", "unlinkat", "rename", "renameat", "renameat2", "mkdir", "mkdirat", "rmdir", "chdir", "fchdir", "getcwd", "chroot"],
  attributes: ["getxattr", "lgetxattr", "fgetxattr", "setxattr", "lsetxattr", "fsetxattr", "listxattr", "llistxattr", "flistxattr", "removexattr", "lremovexattr", "fremovexattr"],
  watching: ["inotify_init", "inotify_init1", "inotify_add_watch", "inotify_rm_watch"],
  pipesAndPolls: ["pipe", "pipe2", "poll", "ppoll", "select", "pselect6", "epoll_create", "epoll_create1", "epoll_ctl", "epoll_wait", "epoll_pwait", "epoll_pwait2", "eventfd", "eventfd2"],
  asyncFiles: ["io_setup", "io_submit", "io_cancel", "io_destroy", "io_getevents", "io_pgetevents"],
  memory: [
    "brk", "mmap", "munmap", "mremap", "mprotect", "madvise", "process_madvise", "mincore", "msync", "remap_file_pages",
    "mlock", "mlock2", "munlock", "mlockall", "munlockall", "pkey_alloc", "pkey_free", "pkey_mprotect", "mseal", "map_shadow_stack",
    "get_mempolicy", "set_mempolicy", "mbind", "memfd_secret", "membarrier",
  ],
  processes: [
    "fork", "vfork", "clone3", "execve", "execveat", "exit", "exit_group", "wait4", "waitid", "prctl", "arch_prctl",
    "pidfd_open", "pidfd_send_signal", "pidfd_getfd", "process_mrelease", "ptrace", "process_vm_readv", "process_vm_writev",
  ],
  threads: ["set_tid_address", "gettid", "set_robust_list", "get_robust_list", "futex", "futex_waitv", "futex_wake", "futex_wait", "futex_requeue", "rseq", "restart_syscall"],
  signals: [
    "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "rt_sigpending", "rt_sigsuspend", "rt_sigtimedwait", "rt_sigqueueinfo", "rt_tgsigqueueinfo",
    "sigaltstack", "kill", "tkill", "tgkill", "pause", "signalfd", "signalfd4",
  ],
  identity: [
    "getpid", "getppid", "getpgid", "getpgrp", "setpgid", "getsid", "setsid", "getuid", "geteuid", "getgid", "getegid", "getresuid", "getresgid", "getgroups",
    "setuid", "setgid", "setreuid", "setregid", "setresuid", "setresgid", "setfsuid", "setfsgid", "setgroups", "capget", "capset",
  ],
  confinement: ["seccomp", "landlock_create_ruleset", "landlock_add_rule", "landlock_restrict_self"],
  limitsAndScheduling: [
    "getrlimit", "setrlimit", "prlimit64", "getrusage", "getpriority", "setpriority", "ioprio_get", "ioprio_set", "getcpu",
    "sched_yield", "sched_getaffinity", "sched_setaffinity", "sched_getattr", "sched_setattr", "sched_getparam", "sched_setparam",
    "sched_getscheduler", "sched_setscheduler", "sched_get_priority_min", "sched_get_priority_max", "sched_rr_get_interval",
  ],
  time: [
    "time", "gettimeofday", "clock_gettime", "clock_getres", "clock_nanosleep", "nanosleep", "times", "alarm", "getitimer", "setitimer",
    "timer_create", "timer_settime", "timer_gettime", "timer_getoverrun", "timer_delete", "timerfd_create", "timerfd_settime", "timerfd_gettime",
  ],
  sockets: [
    "bind", "connect", "listen", "accept", "accept4", "shutdown", "getsockname", "getpeername", "getsockopt", "setsockopt",
    "sendto", "sendmsg", "sendmmsg", "recvfrom", "recvmsg", "recvmmsg",
  ],
  systemV: ["shmget", "shmat", "shmctl", "shmdt", "semget", "semop", "semtimedop", "semctl", "msgget", "msgsnd", "msgrcv", "msgctl"],
  messageQueues: ["mq_open", "mq_unlink", "mq_timedsend", "mq_timedreceive", "mq_notify", "mq_getsetattr"],
  about: ["uname", "sysinfo", "getrandom"],
} as const satisfies Readonly<Record<string, readonly string[]>>;
