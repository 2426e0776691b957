//! The filter, interpreted instruction by instruction as the kernel does.

use std::collections::BTreeSet;

use super::*;

/// What a filter answers, by its own instructions.
fn answers(program: &[sock_filter], architecture: u32, number: u32, arguments: [u32; 3]) -> u32 {
    let [first, second, third] = arguments.map(u64::from);
    answers_to(program, architecture, number, [first, second, third, 0])
}

fn answers_to(program: &[sock_filter], architecture: u32, number: u32, arguments: [u64; 4]) -> u32 {
    let (mut at, mut loaded) = (0, 0);
    loop {
        let one = &program[at];
        at += 1;
        let holds = match one.code {
            LOAD => {
                loaded = match one.k {
                    NUMBER => number,
                    AUDIT_ARCH => architecture,
                    place => {
                        let whole = arguments[usize::try_from((place - 16) / 8).unwrap()];
                        u32::try_from(whole >> (8 * (place % 8)) & 0xffff_ffff).unwrap()
                    }
                };
                continue;
            }
            RETURN => return one.k,
            IS => loaded == one.k,
            AT_LEAST => loaded >= one.k,
            _has_bits => loaded & one.k != 0,
        };
        at += usize::from(if holds { one.jt } else { one.jf });
    }
}

fn asked(tier: Tier, call: libc::c_long, arguments: [u32; 3]) -> u32 {
    answers(&usual(tier), ARCHITECTURE, number(call), arguments)
}

fn usual(tier: Tier) -> Vec<sock_filter> {
    filter(
        tier,
        match tier {
            Tier::A | Tier::B | Tier::W => Network::None,
            Tier::C => Network::Own,
        },
        Leave::default(),
    )
}

#[test]
fn one_exec_is_let_through_by_its_three_addresses_and_by_no_others() {
    let at = [0x1234_5678_9000, 0x2234_5678_9000, 0x3234_5678_9000];
    for by_path in [false, true] {
        let leave = Leave { exec: Exec::Once { by_path, at }, ..Leave::default() };
        let filter = filter(Tier::B, Network::None, leave);
        let asked = |call, arguments| answers_to(&filter, ARCHITECTURE, number(call), arguments);
        let (right, wrong, own) = match by_path {
            true => (libc::SYS_execve, libc::SYS_execveat, [at[0], at[1], at[2], 0]),
            false => (libc::SYS_execveat, libc::SYS_execve, [7, at[0], at[1], at[2]]),
        };
        assert_eq!(asked(right, own), ALLOW);
        for arguments in [own, [at[0], at[1], at[2], 0], [7, at[0], at[1], at[2]], [0; 4]] {
            assert_eq!(asked(wrong, arguments), EACCES);
        }
        let first = usize::from(!by_path);
        for place in first..first + 3 {
            for bit in [0, 12, 31, 32, 45, 63] {
                let mut arguments = own;
                arguments[place] ^= 1 << bit;
                assert_eq!(asked(right, arguments), EACCES, "{place} {bit}");
            }
        }
        assert_eq!(asked(libc::SYS_openat, [0; 4]), ALLOW);
    }
}

#[test]
fn tracing_is_left_only_where_that_was_declared() {
    for tracing in [false, true] {
        let filter = filter(Tier::B, Network::None, Leave { tracing, ..Leave::default() });
        for call in TRACING {
            let answer = answers(&filter, ARCHITECTURE, number(*call), [0; 3]);
            assert_eq!(answer, if tracing { ALLOW } else { EPERM }, "{call}");
        }
    }
}

#[test]
fn attributes_are_put_on_files_unless_these_stay() {
    for no_attributes in [false, true] {
        let filter = filter(Tier::C, Network::Own, Leave { no_attributes, ..Leave::default() });
        for call in ATTRIBUTES {
            let answer = answers(&filter, ARCHITECTURE, number(*call), [0; 3]);
            assert_eq!(answer, if no_attributes { EOPNOTSUPP } else { ALLOW }, "{call}");
        }
    }
}

#[test]
fn in_the_hosts_network_there_are_tcp_and_udp_and_nothing_else() {
    for tier in [Tier::B, Tier::C] {
        let filter = filter(tier, Network::Hosts, Leave::default());
        let asked = |arguments| answers(&filter, ARCHITECTURE, number(libc::SYS_socket), arguments);
        for (family, protocol) in [(2, 0), (2, 6), (10, 17)] {
            assert_eq!(asked([family, 1, protocol]), ALLOW, "{family} {protocol}");
        }
        for (family, protocol, answer) in [
            (2, 262, EPROTONOSUPPORT),
            (2, 1, EPROTONOSUPPORT),
            (1, 0, EAFNOSUPPORT),
            (16, 0, EAFNOSUPPORT),
            (40, 0, EAFNOSUPPORT),
        ] {
            assert_eq!(asked([family, 1, protocol]), answer, "{family} {protocol}");
        }
    }
}

#[test]
fn in_the_hosts_network_nothing_listens_and_nothing_connects_by_sending() {
    const FAST: u64 = 0x2000_4000;
    let filters = [Network::Hosts, Network::Own].map(|network| filter(Tier::C, network, Leave::default()));
    let asked = |call, arguments| {
        filters.each_ref().map(|one| answers_to(one, ARCHITECTURE, number(call), arguments))
    };
    for call in [libc::SYS_listen, libc::SYS_accept, libc::SYS_accept4] {
        assert_eq!(asked(call, [3, 1, 0, 0]), [EPERM, ALLOW], "{call}");
    }
    for (call, fast, usual) in [
        (libc::SYS_sendto, [3, 0, 9, FAST], [3, 0, FAST, 0x4000]),
        (libc::SYS_sendmsg, [3, 0, FAST, 0], [3, 0, 0x4000, FAST]),
        (libc::SYS_sendmmsg, [3, 0, 1, FAST], [3, 0, FAST, 0x4000]),
        (libc::SYS_setsockopt, [3, 6, 30, 0], [3, 6, 1, 30]),
    ] {
        assert_eq!(asked(call, fast), [EPERM, ALLOW], "{call}");
        assert_eq!(asked(call, usual), [ALLOW, ALLOW], "{call}");
    }
    assert_eq!(asked(libc::SYS_setsockopt, [3, 1, 30, 0]), [ALLOW, ALLOW], "of the socket and not of TCP");
    assert_eq!(asked(libc::SYS_connect, [3, 0, 0, 0]), [ALLOW, ALLOW]);
}

#[test]
fn there_are_no_unix_sockets_but_pairs_where_one_of_the_hosts_could_lie() {
    for no_unix in [false, true] {
        let filter = filter(Tier::C, Network::Own, Leave { no_unix, ..Leave::default() });
        let asked = |call, family| answers(&filter, ARCHITECTURE, number(call), [family, 1, 0]);
        assert_eq!(asked(libc::SYS_socket, 1), if no_unix { EAFNOSUPPORT } else { ALLOW });
        for (call, family) in
            [(libc::SYS_socketpair, 1), (libc::SYS_socket, 2), (libc::SYS_socket, 10), (libc::SYS_socket, 16)]
        {
            assert_eq!(asked(call, family), ALLOW, "{call} {family}");
        }
    }
}

#[test]
fn a_pair_of_datagrams_is_made_only_where_no_socket_of_the_hosts_could_lie() {
    const FLAGS: [u32; 4] = [0, 0o4000, 0o2_000_000, 0o2_004_000];
    let own = |no_unix| filter(Tier::C, Network::Own, Leave { no_unix, ..Leave::default() });
    let hosts = filter(Tier::C, Network::Hosts, Leave::default());
    let none = [Tier::A, Tier::B, Tier::W].map(usual);
    let without: Vec<_> = none.into_iter().chain([hosts, own(true)]).collect();
    for (kind, flags) in [1, 2, 3, 5].into_iter().flat_map(|kind| FLAGS.map(|flags| (kind, flags))) {
        let asked = |program: &[sock_filter], family| {
            answers(program, ARCHITECTURE, number(libc::SYS_socketpair), [family, kind | flags, 0])
        };
        let answer = if [1, 5].contains(&kind) { ALLOW } else { EPERM };
        for program in &without {
            assert_eq!(asked(program, UNIX), answer, "{kind} {flags:o}");
            assert_eq!(asked(program, 40), EAFNOSUPPORT, "{kind} {flags:o}");
        }
        assert_eq!(asked(&own(false), UNIX), ALLOW, "{kind} {flags:o}");
    }
}

#[test]
fn no_file_gets_a_mode_that_makes_whoever_runs_it_somebody_else() {
    let all = [usual(Tier::A), usual(Tier::B), usual(Tier::C), usual(Tier::W)];
    let asked = |call, arguments| {
        all.each_ref().map(|program| answers_to(program, ARCHITECTURE, number(call), arguments))
    };
    let with = |place: u32, mode| {
        let mut arguments = [0; 4];
        arguments[usize::try_from(place).unwrap()] = mode;
        arguments
    };
    for (call, place) in narrowed::MODES {
        for (mode, answer) in [(0o4755, EPERM), (0o2755, EPERM), (0o106_711, EPERM), (0o1777, ALLOW)] {
            assert_eq!(asked(*call, with(*place, mode)), [answer; 4], "{call} {mode:o}");
        }
    }
    for (call, flags) in narrowed::OPENING {
        let mode = |mode: u64| with(*flags + 1, mode);
        for (flag, made, answer) in [
            (libc::O_CREAT | libc::O_EXCL, 0o4755, EPERM),
            (libc::O_TMPFILE | libc::O_RDWR, 0o2700, EPERM),
            (libc::O_CREAT, 0o1777, ALLOW),
            // What is not made has no mode, and what lies in its place says nothing.
            (libc::O_RDONLY | libc::O_DIRECTORY, 0o4755, ALLOW),
            (libc::O_RDWR | libc::O_TRUNC, u64::MAX, ALLOW),
        ] {
            let mut arguments = mode(made);
            arguments[usize::try_from(*flags).unwrap()] = u64::try_from(flag).unwrap();
            assert_eq!(asked(*call, arguments), [answer; 4], "{call} {flag:o} {made:o}");
        }
    }
}

#[test]
fn another_architecture_and_x32_get_nothing() {
    let read = number(libc::SYS_read);
    for tier in [Tier::B, Tier::C] {
        assert_eq!(answers(&usual(tier), 0x4000_0003, read, [0; 3]), KILL_PROCESS);
        assert_eq!(answers(&usual(tier), ARCHITECTURE, read | X32, [0; 3]), ENOSYS);
        assert_eq!(answers(&usual(tier), ARCHITECTURE, read, [0; 3]), ALLOW);
        assert_eq!(answers(&usual(tier), ARCHITECTURE, 100_000, [0; 3]), ENOSYS);
    }
}

/// One by one, as they stand in the lists: what is answered of many at once is the same.
#[test]
fn every_number_is_answered_as_the_list_that_it_stands_in_says_and_any_other_does_not_exist() {
    let sending = SENDING.map(|(call, _flags)| call);
    for tier in [Tier::B, Tier::C] {
        let filter = usual(tier);
        let ipc = if tier == Tier::C { ALLOW } else { EPERM };
        let lists = [
            (&[ALLOWED, ALLOWED_HERE, ATTRIBUTES, &LISTENING, &sending].concat()[..], ALLOW),
            (ABSENT, ENOSYS),
            (REFUSED, EPERM),
            (IPC, ipc),
        ];
        // Those whose arguments decide have tests of their own.
        let by_arguments =
            [libc::SYS_clone, libc::SYS_ioctl, libc::SYS_personality, libc::SYS_socket, libc::SYS_socketpair];
        let narrowed = narrowed::MODES.iter().chain(narrowed::OPENING).map(|(call, _)| *call);
        let elsewhere: BTreeSet<_> =
            by_arguments.into_iter().chain(narrowed).chain([libc::SYS_setsockopt]).map(number).collect();
        let mut listed = 0;
        for asked in (0..1000).filter(|asked| !elsewhere.contains(asked)) {
            let list = lists.iter().find(|(calls, _)| calls.iter().any(|call| number(*call) == asked));
            listed += usize::from(list.is_some());
            let wanted = list.map_or(ENOSYS, |(_, answer)| *answer);
            assert_eq!(answers(&filter, ARCHITECTURE, asked, [0; 3]), wanted, "{tier:?} {asked}");
        }
        assert_eq!(listed, lists.iter().map(|(calls, _)| calls.len()).sum::<usize>());
        assert!(filter.len() < 2 * listed, "{} instructions for {listed} calls", filter.len());
    }
}

#[test]
fn no_call_stands_in_two_lists() {
    let sending = SENDING.map(|(call, _flags)| call);
    let narrowed: Vec<_> =
        narrowed::MODES.iter().chain(narrowed::OPENING).map(|(call, _place)| *call).collect();
    let lists = [ALLOWED, ALLOWED_HERE, &LISTENING, &sending, &narrowed, ATTRIBUTES, ABSENT, REFUSED, IPC];
    let all: Vec<_> = lists.iter().flat_map(|list| list.iter()).collect();
    assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len());
}

#[test]
fn every_refused_call_is_refused_in_every_tier() {
    for tier in [Tier::A, Tier::B, Tier::C] {
        REFUSED.iter().for_each(|call| assert_eq!(asked(tier, *call, [0; 3]), EPERM, "{call}"));
        ABSENT.iter().for_each(|call| assert_eq!(asked(tier, *call, [0; 3]), ENOSYS, "{call}"));
    }
}

#[test]
fn threads_and_processes_are_made_and_namespaces_are_not() {
    let thread = 0x003d_0f00;
    assert_eq!(asked(Tier::B, libc::SYS_clone, [thread, 0, 0]), ALLOW);
    for bit in [0x2_0000, 0x80, 0x0200_0000, 0x0400_0000, 0x0800_0000, 0x1000_0000, 0x2000_0000, 0x4000_0000]
    {
        assert_eq!(asked(Tier::C, libc::SYS_clone, [thread | bit, 0, 0]), EPERM, "{bit:x}");
    }
}

#[test]
fn tier_b_has_pairs_of_sockets_only_and_tier_c_the_families_of_its_own_network() {
    for family in [1, 2, 10, 16, 17, 38, 40, 44] {
        assert_eq!(asked(Tier::B, libc::SYS_socket, [family, 1, 0]), EPERM, "{family}");
    }
    assert_eq!(asked(Tier::B, libc::SYS_socketpair, [1, 1, 0]), ALLOW);
    assert_eq!(asked(Tier::C, libc::SYS_socketpair, [40, 1, 0]), EAFNOSUPPORT);
    for (family, protocol, answer) in [
        (1, 0, ALLOW),
        (2, 6, ALLOW),
        (10, 0, ALLOW),
        (16, 0, ALLOW),
        (16, 9, EAFNOSUPPORT),
        (38, 0, EAFNOSUPPORT),
        (40, 0, EAFNOSUPPORT),
        (17, 0, EAFNOSUPPORT),
    ] {
        assert_eq!(asked(Tier::C, libc::SYS_socket, [family, 1, protocol]), answer, "{family}");
    }
}

#[test]
fn a_terminal_is_not_typed_into_and_protection_stays_on() {
    assert_eq!(asked(Tier::C, libc::SYS_ioctl, [0, 0x5412, 0]), EPERM);
    assert_eq!(asked(Tier::C, libc::SYS_ioctl, [0, 0x541c, 0]), EPERM);
    assert_eq!(asked(Tier::C, libc::SYS_ioctl, [0, 0x5401, 0]), ALLOW);
    assert_eq!(asked(Tier::B, libc::SYS_personality, [0x0004_0000, 0, 0]), EPERM);
    assert_eq!(asked(Tier::B, libc::SYS_personality, [0xffff_ffff, 0, 0]), ALLOW);
}
