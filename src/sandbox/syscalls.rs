//! The filter of system calls: a list of what may be called, everything else answered with an error, as bytes for the
//! kernel.
//!
//! What is not listed and means something to a tool is refused (EPERM); what a library tries first and has another way
//! for does not exist (ENOSYS), and neither does what this list has never heard of, so that tomorrow's system calls are
//! refused as on yesterday's kernel.

use libc::sock_filter;

use super::{Network, Tier};

mod narrowed;

#[cfg(target_arch = "x86_64")]
const ARCHITECTURE: u32 = 0xc000_003e;
#[cfg(target_arch = "aarch64")]
const ARCHITECTURE: u32 = 0xc000_00b7;

/// Numbers of x32 share the architecture of x86-64 and have this bit.
const X32: u32 = 0x4000_0000;

const ALLOW: u32 = 0x7fff_0000;
const KILL_PROCESS: u32 = 0x8000_0000;
const EPERM: u32 = 0x0005_0000 | 1;
const EACCES: u32 = 0x0005_0000 | 13;
const EAFNOSUPPORT: u32 = 0x0005_0000 | 97;
const EOPNOTSUPP: u32 = 0x0005_0000 | 95;
const ENOSYS: u32 = 0x0005_0000 | 38;

/// Bits of `clone` that make a namespace.
const NEW_NAMESPACES: u32 = 0x7e02_0080;
/// Types into a terminal's input.
const TERMINAL_INPUT: [u32; 2] = [0x5412, 0x541c];
/// Personalities that change nothing about protection.
const PERSONALITIES: [u32; 5] = [0, 8, 0x0002_0000, 0x0002_0008, 0xffff_ffff];

/// What may be called with any arguments.
#[rustfmt::skip]
const ALLOWED: &[libc::c_long] = &[
    // Files by name and by descriptor; Landlock and the mounts say which.
    libc::SYS_openat2, libc::SYS_close, libc::SYS_close_range, libc::SYS_read, libc::SYS_write, libc::SYS_readv,
    libc::SYS_writev, libc::SYS_pread64, libc::SYS_pwrite64, libc::SYS_preadv, libc::SYS_pwritev, libc::SYS_preadv2,
    libc::SYS_pwritev2, libc::SYS_lseek, libc::SYS_ftruncate, libc::SYS_truncate, libc::SYS_fallocate, libc::SYS_fsync,
    libc::SYS_fdatasync, libc::SYS_sync_file_range, libc::SYS_syncfs, libc::SYS_copy_file_range, libc::SYS_sendfile, libc::SYS_splice,
    libc::SYS_tee, libc::SYS_vmsplice, libc::SYS_readahead, libc::SYS_fadvise64, libc::SYS_dup, libc::SYS_dup3, libc::SYS_pipe2,
    libc::SYS_fcntl, libc::SYS_flock, libc::SYS_fstat, libc::SYS_newfstatat, libc::SYS_statx, libc::SYS_statfs, libc::SYS_fstatfs,
    libc::SYS_getdents64, libc::SYS_getcwd, libc::SYS_chdir, libc::SYS_fchdir, libc::SYS_mkdirat, libc::SYS_unlinkat,
    libc::SYS_renameat2, libc::SYS_linkat, libc::SYS_symlinkat, libc::SYS_readlinkat, libc::SYS_faccessat,
    libc::SYS_faccessat2, libc::SYS_fchown, libc::SYS_fchownat,
    libc::SYS_utimensat, libc::SYS_umask, libc::SYS_getxattr, libc::SYS_lgetxattr, libc::SYS_fgetxattr,
    libc::SYS_listxattr, libc::SYS_llistxattr, libc::SYS_flistxattr, libc::SYS_removexattr, libc::SYS_lremovexattr, libc::SYS_fremovexattr, libc::SYS_sync,
    libc::SYS_inotify_init1, libc::SYS_inotify_add_watch, libc::SYS_inotify_rm_watch,
    // Memory.
    libc::SYS_mmap, libc::SYS_munmap, libc::SYS_mremap, libc::SYS_mprotect, libc::SYS_madvise, libc::SYS_mincore, libc::SYS_msync,
    libc::SYS_mlock, libc::SYS_mlock2, libc::SYS_munlock, libc::SYS_brk, libc::SYS_membarrier, libc::SYS_pkey_alloc,
    libc::SYS_pkey_free, libc::SYS_pkey_mprotect, libc::SYS_get_mempolicy,
    // Processes, threads and their end.
    libc::SYS_execve, libc::SYS_execveat, libc::SYS_exit, libc::SYS_exit_group, libc::SYS_wait4, libc::SYS_waitid, libc::SYS_kill,
    libc::SYS_tkill, libc::SYS_tgkill, libc::SYS_pidfd_open, libc::SYS_pidfd_send_signal, libc::SYS_getpid, libc::SYS_getppid, libc::SYS_gettid,
    libc::SYS_getpgid, libc::SYS_setpgid, libc::SYS_getsid, libc::SYS_setsid, libc::SYS_set_tid_address,
    libc::SYS_set_robust_list, libc::SYS_get_robust_list, libc::SYS_rseq, libc::SYS_futex, libc::SYS_futex_waitv,
    libc::SYS_prctl, libc::SYS_getuid, libc::SYS_geteuid, libc::SYS_getgid, libc::SYS_getegid, libc::SYS_getresuid,
    libc::SYS_getresgid, libc::SYS_getgroups, libc::SYS_capget, libc::SYS_setuid, libc::SYS_setgid, libc::SYS_setreuid, libc::SYS_setregid,
    libc::SYS_setresuid, libc::SYS_setresgid, libc::SYS_setgroups, libc::SYS_setfsuid, libc::SYS_setfsgid, libc::SYS_capset,
    libc::SYS_getrlimit, libc::SYS_setrlimit, libc::SYS_prlimit64, libc::SYS_getrusage, libc::SYS_times, libc::SYS_getpriority,
    libc::SYS_setpriority, libc::SYS_sched_yield, libc::SYS_sched_getaffinity, libc::SYS_sched_setaffinity,
    libc::SYS_sched_getparam, libc::SYS_sched_getscheduler, libc::SYS_sched_setscheduler, libc::SYS_sched_setparam, libc::SYS_sched_getattr,
    libc::SYS_sched_setattr, libc::SYS_sched_get_priority_max, libc::SYS_sched_get_priority_min, libc::SYS_sched_rr_get_interval,
    libc::SYS_ioprio_get, libc::SYS_ioprio_set, libc::SYS_getcpu,
    // Signals.
    libc::SYS_rt_sigaction, libc::SYS_rt_sigprocmask, libc::SYS_rt_sigreturn, libc::SYS_rt_sigpending, libc::SYS_rt_sigqueueinfo,
    libc::SYS_rt_tgsigqueueinfo, libc::SYS_rt_sigsuspend, libc::SYS_rt_sigtimedwait, libc::SYS_sigaltstack, libc::SYS_signalfd4,
    libc::SYS_restart_syscall,
    // Time, and waiting.
    libc::SYS_clock_gettime, libc::SYS_clock_getres, libc::SYS_clock_nanosleep, libc::SYS_nanosleep, libc::SYS_gettimeofday,
    libc::SYS_timer_create, libc::SYS_timer_settime, libc::SYS_timer_gettime, libc::SYS_timer_getoverrun, libc::SYS_timer_delete,
    libc::SYS_timerfd_create, libc::SYS_timerfd_settime, libc::SYS_timerfd_gettime, libc::SYS_getitimer, libc::SYS_setitimer,
    libc::SYS_ppoll, libc::SYS_pselect6, libc::SYS_epoll_create1, libc::SYS_epoll_ctl, libc::SYS_epoll_pwait, libc::SYS_epoll_pwait2,
    libc::SYS_eventfd2,
    // Sockets that are there: pairs in tier B, those of its own namespace in tier C.
    libc::SYS_recvfrom, libc::SYS_recvmsg, libc::SYS_recvmmsg, libc::SYS_shutdown, libc::SYS_getsockname, libc::SYS_getpeername,
    libc::SYS_getsockopt, libc::SYS_bind, libc::SYS_connect,
    // The rest.
    libc::SYS_uname, libc::SYS_sysinfo, libc::SYS_getrandom, libc::SYS_seccomp,
    libc::SYS_landlock_create_ruleset, libc::SYS_landlock_add_rule, libc::SYS_landlock_restrict_self,
];

/// What only older architectures have.
#[cfg(target_arch = "x86_64")]
#[rustfmt::skip]
const ALLOWED_HERE: &[libc::c_long] = &[
    libc::SYS_stat, libc::SYS_lstat, libc::SYS_access, libc::SYS_readlink, libc::SYS_mkdir,
    libc::SYS_rmdir, libc::SYS_unlink, libc::SYS_rename, libc::SYS_renameat, libc::SYS_link, libc::SYS_symlink, libc::SYS_chown,
    libc::SYS_lchown, libc::SYS_utime, libc::SYS_utimes, libc::SYS_futimesat, libc::SYS_getdents, libc::SYS_dup2,
    libc::SYS_pipe, libc::SYS_poll, libc::SYS_select, libc::SYS_epoll_create, libc::SYS_epoll_wait, libc::SYS_eventfd, libc::SYS_signalfd,
    libc::SYS_inotify_init, libc::SYS_fork, libc::SYS_vfork, libc::SYS_getpgrp, libc::SYS_pause, libc::SYS_alarm, libc::SYS_time,
    libc::SYS_arch_prctl,
];
#[cfg(not(target_arch = "x86_64"))]
const ALLOWED_HERE: &[libc::c_long] = &[libc::SYS_renameat];

/// What does not exist for a tool: libraries try it first, and have another way.
#[rustfmt::skip]
const ABSENT: &[libc::c_long] = &[
    libc::SYS_clone3, libc::SYS_io_uring_setup, libc::SYS_io_uring_enter, libc::SYS_io_uring_register, libc::SYS_memfd_create,
    libc::SYS_memfd_secret, libc::SYS_fsopen, libc::SYS_fsmount, libc::SYS_fsconfig, libc::SYS_fspick, libc::SYS_move_mount,
    libc::SYS_open_tree, libc::SYS_mount_setattr,
];

/// What is refused: other namespaces and mounts, other processes, the kernel, keys, clocks, and shared memory of the host.
#[rustfmt::skip]
pub(super) const REFUSED: &[libc::c_long] = &[
    libc::SYS_unshare, libc::SYS_setns, libc::SYS_mount, libc::SYS_umount2, libc::SYS_pivot_root, libc::SYS_chroot,
    libc::SYS_ptrace, libc::SYS_process_vm_readv, libc::SYS_process_vm_writev, libc::SYS_pidfd_getfd, libc::SYS_process_madvise,
    libc::SYS_kcmp, libc::SYS_bpf, libc::SYS_perf_event_open, libc::SYS_userfaultfd, libc::SYS_kexec_load,
    libc::SYS_init_module, libc::SYS_finit_module, libc::SYS_delete_module, libc::SYS_reboot, libc::SYS_swapon, libc::SYS_swapoff,
    libc::SYS_acct, libc::SYS_quotactl, libc::SYS_quotactl_fd, libc::SYS_settimeofday, libc::SYS_clock_settime, libc::SYS_clock_adjtime,
    libc::SYS_adjtimex, libc::SYS_syslog, libc::SYS_fanotify_init, libc::SYS_fanotify_mark, libc::SYS_add_key, libc::SYS_keyctl,
    libc::SYS_request_key, libc::SYS_name_to_handle_at, libc::SYS_open_by_handle_at, libc::SYS_sethostname,
    libc::SYS_setdomainname, libc::SYS_vhangup, libc::SYS_nfsservctl, libc::SYS_lookup_dcookie, libc::SYS_mbind,
    libc::SYS_set_mempolicy, libc::SYS_migrate_pages, libc::SYS_move_pages, libc::SYS_mlockall, libc::SYS_munlockall,
];

/// What puts attributes on a file, which may be as large as files are, which no count sees, and which Landlock does not handle.
#[rustfmt::skip]
const ATTRIBUTES: &[libc::c_long] = &[
    libc::SYS_setxattr, libc::SYS_lsetxattr, libc::SYS_fsetxattr,
];

/// What debuggers and tracers call, where that was declared.
#[rustfmt::skip]
const TRACING: &[libc::c_long] = &[
    libc::SYS_ptrace, libc::SYS_process_vm_readv, libc::SYS_process_vm_writev,
];

/// Shared memory, semaphores and queues of System V and POSIX: of an own namespace in tier C, everybody's in tier B.
#[rustfmt::skip]
const IPC: &[libc::c_long] = &[
    libc::SYS_shmget, libc::SYS_shmat, libc::SYS_shmdt, libc::SYS_shmctl, libc::SYS_semget, libc::SYS_semop, libc::SYS_semctl,
    libc::SYS_semtimedop, libc::SYS_msgget, libc::SYS_msgsnd, libc::SYS_msgrcv, libc::SYS_msgctl, libc::SYS_mq_open, libc::SYS_mq_unlink,
    libc::SYS_mq_timedsend, libc::SYS_mq_timedreceive, libc::SYS_mq_notify, libc::SYS_mq_getsetattr,
];

/// Waits for others to connect.
const LISTENING: [libc::c_long; 3] = [libc::SYS_listen, libc::SYS_accept, libc::SYS_accept4];
/// Sends, with the place of its flags.
const SENDING: [(libc::c_long, u32); 3] =
    [(libc::SYS_sendto, 3), (libc::SYS_sendmsg, 2), (libc::SYS_sendmmsg, 3)];
/// The flag, and TCP's option, that connect by sending. Landlock's ports do not see that.
const FAST_OPEN: u32 = 0x2000_0000;
const TCP: u32 = 6;
const FAST_OPEN_CONNECT: u32 = 30;

/// Families of sockets that tier C has in its own network namespace: Unix, IPv4, IPv6, and netlink for routes only.
const UNIX: u32 = 1;
const OWN_FAMILIES: [u32; 3] = [2, 10, UNIX];
const NETLINK: u32 = 16;
/// In the host's network there are only IPv4 and IPv6, with TCP, UDP, and whichever of the two goes with the type.
const INTERNET: [u32; 2] = [2, 10];
const PROTOCOLS: [u32; 3] = [0, TCP, 17];
const EPROTONOSUPPORT: u32 = 0x0005_0000 | 93;

const LOAD: u16 = 0x20;
const IS: u16 = 0x15;
const AT_LEAST: u16 = 0x35;
const HAS_BITS: u16 = 0x45;
const RETURN: u16 = 0x06;

/// Where the number, the architecture, and the lower half of an argument lie in what a filter sees.
const NUMBER: u32 = 0;
const AUDIT_ARCH: u32 = 4;
const fn argument(place: u32) -> u32 {
    16 + 8 * place
}

/// What may be executed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Exec {
    /// Whatever Landlock lets be.
    #[default]
    Any,
    /// What is called with a path, arguments and an environment at these addresses, and so once: nobody is told where they were.
    Once {
        /// By its path, and not by a descriptor.
        by_path: bool,
        /// Of the path, of the arguments, of the environment.
        at: [u64; 3],
    },
}

/// What a filter leaves beyond what every tool has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Leave {
    /// What may be executed.
    pub exec: Exec,
    /// Whether processes may be traced. Landlock and the tree of processes say whose.
    pub tracing: bool,
    /// Whether no attributes are put on files: where these stay, and are counted. It is as if they were of a kind that has none.
    pub no_attributes: bool,
    /// Whether there are no Unix sockets but pairs, where one of the host's could lie in what may be read: neither Landlock nor a
    /// mount that is only to be read keeps anybody from connecting to it.
    pub no_unix: bool,
}

fn op(code: u16, k: u32, jt: u8, jf: u8) -> sock_filter {
    sock_filter { code, jt, jf, k }
}

/// The filter of a tier, in this network.
#[must_use]
pub fn filter(tier: Tier, network: Network, leave: Leave) -> Vec<sock_filter> {
    let mut program = vec![
        op(LOAD, AUDIT_ARCH, 0, 0),
        op(IS, ARCHITECTURE, 1, 0),
        // A program of another architecture counts its calls differently: none of the rest would mean what it says.
        op(RETURN, KILL_PROCESS, 0, 0),
        op(LOAD, NUMBER, 0, 0),
        op(AT_LEAST, X32, 0, 1),
        op(RETURN, ENOSYS, 0, 0),
    ];
    on(
        &mut program,
        libc::SYS_clone,
        &[
            op(LOAD, argument(0), 0, 0),
            op(HAS_BITS, NEW_NAMESPACES, 0, 1),
            op(RETURN, EPERM, 0, 0),
            op(RETURN, ALLOW, 0, 0),
        ],
    );
    on(
        &mut program,
        libc::SYS_ioctl,
        &[
            op(LOAD, argument(1), 0, 0),
            op(IS, TERMINAL_INPUT[0], 1, 0),
            op(IS, TERMINAL_INPUT[1], 0, 1),
            op(RETURN, EPERM, 0, 0),
            op(RETURN, ALLOW, 0, 0),
        ],
    );
    match leave.exec {
        Exec::Any => {}
        Exec::Once { by_path, at } => {
            let never = [op(RETURN, EACCES, 0, 0)];
            let once = |from: u32| with_addresses(from, at);
            on(&mut program, libc::SYS_execve, &if by_path { once(0) } else { never.to_vec() });
            on(&mut program, libc::SYS_execveat, &if by_path { never.to_vec() } else { once(1) });
        }
    }
    if leave.tracing {
        answer(&mut program, TRACING, ALLOW);
    }
    on(&mut program, libc::SYS_personality, &one_of(0, &PERSONALITIES, EPERM));
    let has_the_hosts = network != Network::Own || leave.no_unix;
    on(&mut program, libc::SYS_socketpair, &narrowed::pairs(has_the_hosts));
    narrowed::modes(&mut program);
    match network {
        Network::None => on(&mut program, libc::SYS_socket, &[op(RETURN, EPERM, 0, 0)]),
        Network::Hosts => {
            let mut then = vec![
                op(LOAD, argument(0), 0, 0),
                op(IS, INTERNET[0], 2, 0),
                op(IS, INTERNET[1], 1, 0),
                op(RETURN, EAFNOSUPPORT, 0, 0),
            ];
            // Not multipath TCP, which Landlock's ports know nothing of.
            then.extend(one_of(2, &PROTOCOLS, EPROTONOSUPPORT));
            on(&mut program, libc::SYS_socket, &then);
            only_connects(&mut program);
        }
        Network::Own => {
            let mut own = vec![
                op(LOAD, argument(0), 0, 0),
                op(IS, NETLINK, 0, 4),
                op(LOAD, argument(2), 0, 0),
                op(IS, 0, 0, 1),
                op(RETURN, ALLOW, 0, 0),
                op(RETURN, EAFNOSUPPORT, 0, 0),
            ];
            let families = OWN_FAMILIES.split_last().filter(|_| leave.no_unix);
            own.extend(one_of(0, families.map_or(&OWN_FAMILIES[..], |(_unix, rest)| rest), EAFNOSUPPORT));
            on(&mut program, libc::SYS_socket, &own);
        }
    }
    answer(&mut program, ATTRIBUTES, if leave.no_attributes { EOPNOTSUPP } else { ALLOW });
    let sending = SENDING.map(|(call, _flags)| call);
    answer(
        &mut program,
        &[ALLOWED, ALLOWED_HERE, &LISTENING, &sending, &[libc::SYS_setsockopt]].concat(),
        ALLOW,
    );
    answer(&mut program, ABSENT, ENOSYS);
    answer(
        &mut program,
        IPC,
        match tier {
            Tier::A | Tier::B | Tier::W => EPERM,
            Tier::C => ALLOW,
        },
    );
    answer(&mut program, REFUSED, EPERM);
    program.push(op(RETURN, ENOSYS, 0, 0));
    program
}

/// Whoever is in the host's network listens nowhere, a socket that was bound nowhere included, and connects by no way that goes
/// past Landlock's ports.
fn only_connects(program: &mut Vec<sock_filter>) {
    answer(program, &LISTENING, EPERM);
    for (call, flags) in SENDING {
        let unless = op(HAS_BITS, FAST_OPEN, 0, 1);
        on(
            program,
            call,
            &[op(LOAD, argument(flags), 0, 0), unless, op(RETURN, EPERM, 0, 0), op(RETURN, ALLOW, 0, 0)],
        );
    }
    on(
        program,
        libc::SYS_setsockopt,
        &[
            op(LOAD, argument(1), 0, 0),
            op(IS, TCP, 0, 3),
            op(LOAD, argument(2), 0, 0),
            op(IS, FAST_OPEN_CONNECT, 0, 1),
            op(RETURN, EPERM, 0, 0),
            op(RETURN, ALLOW, 0, 0),
        ],
    );
}

/// What is done about one call. `then` ends in a return whichever way it goes.
fn on(program: &mut Vec<sock_filter>, call: libc::c_long, then: &[sock_filter]) {
    let past = u8::try_from(then.len()).unwrap_or(u8::MAX);
    program.push(op(IS, number(call), 0, past));
    program.extend(then);
}

/// Allowed when the arguments from this place on are these, to the last bit.
fn with_addresses(from: u32, at: [u64; 3]) -> Vec<sock_filter> {
    let halves: Vec<(u32, u32)> = at
        .into_iter()
        .zip(from..)
        .flat_map(|(address, place)| {
            let half = |shift: u32| u32::try_from(address >> shift & 0xffff_ffff).unwrap_or(0);
            [(argument(place), half(0)), (argument(place) + 4, half(32))]
        })
        .collect();
    let mut left = u8::try_from(2 * halves.len()).unwrap_or(u8::MAX);
    let mut then = Vec::new();
    for (place, half) in halves {
        left -= 2;
        then.push(op(LOAD, place, 0, 0));
        then.push(op(IS, half, 0, left + 1));
    }
    then.push(op(RETURN, ALLOW, 0, 0));
    then.push(op(RETURN, EACCES, 0, 0));
    then
}

/// Allowed when the argument is one of these.
fn one_of(place: u32, values: &[u32], otherwise: u32) -> Vec<sock_filter> {
    let mut then = vec![op(LOAD, argument(place), 0, 0)];
    let mut left = u8::try_from(values.len()).unwrap_or(u8::MAX);
    for value in values {
        then.push(op(IS, *value, left, 0));
        left -= 1;
    }
    then.push(op(RETURN, otherwise, 0, 0));
    then.push(op(RETURN, ALLOW, 0, 0));
    then
}

/// The same of many calls, and of those with numbers in a row at once: the kernel compiles the program for every tool anew.
fn answer(program: &mut Vec<sock_filter>, calls: &[libc::c_long], with: u32) {
    let mut numbers: Vec<u32> = calls.iter().map(|call| number(*call)).collect();
    numbers.sort_unstable();
    for row in numbers.chunk_by(|one, next| one + 1 == *next) {
        match *row {
            [] => {}
            [one] => program.push(op(IS, one, 0, 1)),
            [first, .., last] => {
                program.push(op(AT_LEAST, first, 0, 2));
                program.push(op(AT_LEAST, last + 1, 1, 0));
            }
        }
        program.push(op(RETURN, with, 0, 0));
    }
}

fn number(call: libc::c_long) -> u32 {
    u32::try_from(call).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
