//! The tools as programs: the fake in folders of its own, or the real ones on a host that has a pool `tank`
//! (`ZFS_CONFORMANCE=real`).

use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};

use reeve::adapter::{Argv, Host, HostError, Plan, ToolOutput};

/// `zfs` and `zpool`, and who calls them.
pub struct Tools {
    folder: PathBuf,
    real: bool,
}

impl Tools {
    /// The tools, with a pool `tank`.
    pub fn new() -> Self {
        if std::env::var("ZFS_CONFORMANCE").is_ok_and(|which| which == "real") {
            return Self { folder: PathBuf::from("/usr/sbin"), real: true };
        }
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("reeve-tools-{}-{number}", std::process::id()));
        std::fs::create_dir(&folder).unwrap();
        for name in ["zfs", "zpool"] {
            std::os::unix::fs::symlink(fake(), folder.join(name)).unwrap();
        }
        let tools = Self { folder, real: false };
        tools.must("zpool create tank /var/tmp/v0");
        tools
    }

    /// Runs a command line, as root or as somebody without privilege.
    pub fn line(&self, line: &str, as_root: bool) -> Output {
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        let (program, args) = words.split_first().unwrap();
        self.run(program, args, as_root)
    }

    /// Runs a command line as root, which must succeed.
    pub fn must(&self, line: &str) {
        let output = self.line(line, true);
        assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// Runs a plan's steps in order as root.
    pub fn act(&self, plan: &Plan) -> Vec<u8> {
        let mut last = Vec::new();
        for step in &plan.steps {
            let output = self.run(step.argv.program.name(), &step.argv.args, true);
            assert!(output.status.success(), "{}: {}", step.argv, String::from_utf8_lossy(&output.stderr));
            last = output.stdout;
        }
        last
    }

    /// Puts a file into a dataset.
    pub fn write(&self, dataset: &str, name: &str) {
        if self.real {
            // What compresses to nothing takes no space.
            let mut noise = 88_172_645_463_325_252_u64;
            let bytes: Vec<u8> = std::iter::repeat_with(|| {
                noise ^= noise << 13;
                noise ^= noise >> 7;
                noise ^= noise << 17;
                noise.to_le_bytes()[3]
            })
            .take(200_000)
            .collect();
            std::fs::write(format!("/{dataset}/{name}"), bytes).unwrap();
            self.must("zpool sync tank");
        } else {
            self.must(&format!("zfs fake-write {dataset} 200000 {name}"));
        }
    }

    fn run(&self, program: &str, args: &[String], as_root: bool) -> Output {
        let mut command = Command::new(self.folder.join(program));
        command.args(args).env_clear().env("LC_ALL", "C.UTF-8").env("TZ", "UTC");
        if self.real {
            use std::os::unix::process::CommandExt;
            if !as_root {
                command.uid(65_534).gid(65_534);
            }
        } else {
            command
                .env("FAKE_ZFS_DIR", &self.folder)
                .env("FAKE_ZFS_CALLER", if as_root { "root" } else { "nobody" });
        }
        command.output().unwrap()
    }
}

impl Drop for Tools {
    fn drop(&mut self) {
        if !self.real {
            let _left_behind = std::fs::remove_dir_all(&self.folder);
        }
    }
}

impl Host for Tools {
    fn read(&self, argv: &Argv) -> Result<ToolOutput, HostError> {
        let output = self.run(argv.program.name(), &argv.args, false);
        let exit_code = output.status.code().unwrap();
        Ok(ToolOutput { exit_code, stdout: output.stdout, stderr: output.stderr })
    }
}

/// The fake that cargo built; absent where this suite runs alone, on real OpenZFS.
fn fake() -> &'static str {
    env!("CARGO_BIN_EXE_reeve-fake-zfs")
}
