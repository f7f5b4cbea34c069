/**
 * System calls that answer EPERM: programs know what to do with "not permitted", and someone who looks for the reason sees
 * that it is a rule. All of them either reach the kernel's global state or are a way into it that a capsule has no use for.
 */
export const REFUSED = {
  mounts: ["mount", "umount2", "pivot_root", "fsopen", "fsconfig", "fsmount", "fspick", "open_tree", "move_mount", "mount_setattr", "swapon", "swapoff", "quotactl", "quotactl_fd"],
  namespaces: ["unshare", "setns", "sethostname", "setdomainname"],
  handles: ["name_to_handle_at", "open_by_handle_at", "fanotify_init", "fanotify_mark", "lookup_dcookie"],
  keyrings: ["add_key", "request_key", "keyctl"],
  programsInTheKernel: ["bpf", "perf_event_open", "userfaultfd", "io_uring_setup", "io_uring_enter", "io_uring_register"],
  modules: ["init_module", "finit_module", "delete_module", "create_module", "query_module", "get_kernel_syms", "kexec_load", "kexec_file_load"],
  machine: ["reboot", "acct", "syslog", "vhangup", "iopl", "ioperm", "modify_ldt", "settimeofday", "stime", "clock_settime", "adjtimex", "clock_adjtime"],
  otherProcesses: ["kcmp", "move_pages", "migrate_pages"],
  obsolete: ["uselib", "ustat", "sysfs", "_sysctl", "nfsservctl", "vserver", "afs_syscall", "tuxcall", "security", "getpmsg", "putpmsg"],
} as const satisfies Readonly<Record<string, readonly string[]>>;
