//! Rows on limits that a run comes to and that do not end it, which the outcome names beside its end; and on output that is cut, and
//! that is only late.

use std::io::Read;
use std::process::Output;
use std::time::{Duration, Instant};

use reeve::sandbox::report::{How, Limit};

use super::fixture::*;

/// Who reads what the wrapper says after so long, and from then on slowly.
fn read_slowly(tool: &Tool, first: Duration) -> Ran {
    let began = Instant::now();
    let mut wrapper = tool.start();
    let mut stdout = wrapper.stdout.take().unwrap();
    let (mut said, mut buffer) = (vec![], vec![0; 32 << 10]);
    std::thread::sleep(first);
    loop {
        let count = stdout.read(&mut buffer).unwrap();
        if count == 0 {
            break;
        }
        said.extend(&buffer[..count]);
        std::thread::sleep(Duration::from_millis(120));
    }
    let output = wrapper.wait_with_output().unwrap();
    Ran::of(&Output { stdout: said, ..output }, began.elapsed())
}

/// A tool that writes so much at once and has no need to wait for a reader.
fn writes(count: usize) -> String {
    format!(
        "import fcntl\nfcntl.fcntl(1, 1031, 1 << 20)\nsys.stdout.buffer.write(b'y' * {count}); sys.stdout.flush()\n"
    )
}

#[test]
fn row_107_what_a_tool_wrote_before_it_ended_is_all_there_however_slowly_it_is_read() {
    for tier in TIERS {
        let ran = read_slowly(&Tool::probe(tier, &writes(600_000)), Duration::ZERO);
        assert_eq!((ran.how(), ran.out.len()), (How::Exit(0), 600_000), "{tier:?}");
        assert!(!ran.end.unwrap().is_cut, "{tier:?}");
    }
}

#[test]
fn row_107_output_that_is_cut_is_said_to_be_whatever_ended_the_run() {
    for tier in TIERS {
        let tool = Tool::probe(tier, &(writes(600_000) + "time.sleep(60)")).with(|tool| {
            tool.seconds = 1;
            tool.confinement.limits.output = 300_000;
        });
        let ran = read_slowly(&tool, Duration::from_millis(1500));
        assert_eq!((ran.how(), ran.out.len()), (How::Limit(Limit::WallClock), 300_000), "{tier:?}");
        assert!(ran.end.unwrap().is_cut, "{tier:?}");
        let tool = Tool::probe(tier, &writes(600_000)).with(|tool| tool.confinement.limits.output = 300_000);
        let ran = tool.run();
        assert_eq!((ran.how(), ran.out.len()), (How::Limit(Limit::Output), 300_000), "{tier:?}");
        assert!(ran.end.unwrap().is_cut, "{tier:?}");
    }
}

/// In tier C two runs may have one workspace, and by a socket in it one gives the other what it likes.
#[test]
fn row_114_a_tool_whose_output_another_runs_tool_holds_open_ends_with_all_that_it_wrote() {
    use reeve::sandbox::{Tier, Workspace};
    let in_one = |code: &str| {
        Tool::probe(Tier::C, code)
            .with(|tool| tool.confinement.workspace = Workspace::Named("e2e-given".to_owned()))
    };
    let taker = in_one(
        "s = socket.socket(1); s.bind('x'); s.listen(); c = s.accept()[0]\n\
         fds = socket.recv_fds(c, 1, 2)[1]; c.send(b'x'); time.sleep(6); print(len(fds))",
    );
    let taker = std::thread::spawn(move || taker.run());
    crate::host::wait_until("it listens", || {
        std::path::Path::new("/var/lib/reeve-tools/named/e2e-given/x").exists()
    });
    let giver = in_one(
        "s = socket.socket(1)\nwhile tried(s.connect, 'x') != 'OK': time.sleep(0.01)\n\
         socket.send_fds(s, [b'x'], [1, 2]); s.recv(1); print('y' * 50_000)",
    );
    let ran = giver.run();
    let was_held = !taker.is_finished();
    let took = ran.took;
    assert_eq!(taker.join().unwrap().text(), "2");
    std::fs::remove_dir_all("/var/lib/reeve-tools/named/e2e-given").unwrap();
    assert_eq!(ran.text().len(), 50_000);
    assert!(was_held && took < Duration::from_secs(4), "{took:?}");
    assert!(!ran.end.unwrap().is_cut);
}

#[test]
fn row_102_who_comes_to_as_many_processes_as_declared_has_them_named_whatever_becomes_of_it() {
    let few = "for _ in range(8):\n  if os.fork() == 0: os._exit(0)\n  os.wait()";
    let many = "try:\n  while True:\n    if os.fork() == 0: time.sleep(60)\nexcept OSError as e: print(name(e.errno))";
    let bomb = "while True:\n  try: os.fork()\n  except OSError: pass";
    for tier in TIERS {
        let ran = |code: &str| {
            Tool::probe(tier, code)
                .with(|tool| {
                    tool.seconds = 2;
                    tool.confinement.limits.processes = 16;
                })
                .run()
        };
        assert_eq!((ran(few).how(), ran(few).reached()), (How::Exit(0), [].as_slice()), "{tier:?}");
        let refused = ran(many);
        assert_eq!(
            (refused.text(), refused.reached()),
            ("EAGAIN", [Limit::Processes].as_slice()),
            "{tier:?}"
        );
        let bomb = ran(bomb);
        assert_eq!(bomb.how(), How::Limit(Limit::WallClock), "{tier:?}");
        assert_eq!(bomb.reached(), [Limit::Processes], "{tier:?}");
    }
}

#[test]
fn row_056_that_a_fresh_workspace_was_full_is_named_and_by_what() {
    let fill = |path: &str| {
        format!(
            "f = open('{path}', 'wb', 0)\ntry:\n  while True: f.write(bytes(1 << 16))\nexcept OSError as e: print(name(e.errno))\n"
        )
    };
    let files = "try:\n  for n in range(10000): wrote(str(n))\nexcept OSError as e: print(name(e.errno))";
    let tidied = fill("x") + "time.sleep(0.5); f.truncate(0); os.remove('x')";
    for tier in TIERS {
        let ran = |code: &str| {
            Tool::probe(tier, code)
                .with(|tool| {
                    tool.seconds = 2;
                    tool.confinement.limits.workspace = 4 << 20;
                    tool.confinement.limits.inodes = 200;
                })
                .run()
        };
        let some = ran("wrote('x'); print('some')");
        assert_eq!((some.text(), some.reached()), ("some", [].as_slice()), "{tier:?}");
        for (code, limit) in [
            (fill("x"), Limit::Workspace),
            (fill("/tmp/x"), Limit::Workspace),
            (tidied.clone(), Limit::Workspace),
            (files.to_owned(), Limit::Inodes),
        ] {
            let ran = ran(&code);
            assert_eq!((ran.text(), ran.reached()), ("ENOSPC", [limit].as_slice()), "{tier:?}: {code}");
        }
        let ended = ran(&(fill("x") + "time.sleep(60)"));
        assert_eq!(ended.how(), How::Limit(Limit::WallClock), "{tier:?}");
        assert_eq!(ended.reached(), [Limit::Workspace], "{tier:?}");
    }
}

#[test]
fn row_104_that_a_process_nobody_waits_for_came_to_the_size_of_a_file_is_named() {
    let code = "p = os.fork()\nif p == 0:\n  if os.fork() == 0:\n    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)\n    f = open('x', 'wb', 0)\n    \
         while True: f.write(bytes(1 << 16))\n  os._exit(0)\nos.waitpid(p, 0); time.sleep(0.5); print('on')";
    for tier in TIERS {
        let ran = Tool::probe(tier, code).with(|tool| tool.confinement.limits.file_size = 1 << 20).run();
        assert_eq!((ran.text(), ran.reached()), ("on", [Limit::FileSize].as_slice()), "{tier:?}");
    }
}
