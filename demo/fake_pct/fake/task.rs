//! Tasks: work that `pct` gives to a worker, whose output becomes its own, and which leaves a line in the node's log.

use std::fs::OpenOptions;
use std::io::Write;

use super::{Done, Fail, Machine};

impl Machine {
    /// Runs work as a task. What fails in it ends with 255, whatever it was; a warning does not fail it.
    pub(super) fn task(
        &self,
        kind: &str,
        vm: &str,
        work: impl FnOnce(&mut String) -> Result<(), Fail>,
    ) -> Done {
        let (pid, hex) = (std::process::id(), |number: u64| format!("{number:08X}"));
        let upid = format!("UPID:pve:{pid:08X}:{}:{}:{kind}:{vm}:root@pam:", hex(self.now), hex(self.now));
        let mut output = String::new();
        let ended = work(&mut output);
        let last = match &ended {
            Ok(()) => "TASK OK".to_owned(),
            Err(fail) => format!("TASK ERROR: {}", fail.said),
        };
        let folder = self.dir.join("tasks");
        std::fs::create_dir_all(&folder)?;
        let mut log = OpenOptions::new().create(true).append(true).open(folder.join(&upid))?;
        writeln!(log, "{output}{last}")?;
        let mut index = OpenOptions::new().create(true).append(true).open(folder.join("index"))?;
        writeln!(index, "{upid} {}", last.trim_start_matches("TASK "))?;
        match ended {
            Ok(()) => Ok(output),
            Err(fail) => {
                Err(Fail { code: 255, said: format!("{output}\u{0}{}", fail.said.replace('\n', " ")) })
            }
        }
    }
}
