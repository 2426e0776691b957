//! `zpool`: create, destroy, export, import, list, status, get, scrub.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::flags::Flags;
use super::state::{Dataset, EMPTY, Pool, Scan, guid};
use super::{Caller, Done, Fail, Host, Output, done, json as form, printed, usage, values};

/// How long a scrub of a small pool takes.
const SCRUB_SECONDS: u64 = 2;
/// What a pool on a file of 512 MiB has room for.
const SIZE: u64 = 503_316_480;

impl Host<'_> {
    pub(super) fn zpool(&mut self, command: &str, args: &[String]) -> Done {
        match command {
            "create" => self.pool_create(&Flags::read(args, "fnd", "oOmR", "create")?),
            "destroy" => self.pool_destroy(&Flags::read(args, "f", "", "destroy")?),
            "export" => self.pool_export(&Flags::read(args, "af", "", "export")?),
            "import" => self.pool_import(&Flags::read(args, "aDfNl", "doR", "import")?),
            "list" => self.pool_list(&Flags::read(args, "HpjgLPv", "oT", "list")?),
            "get" => self.pool_get(&Flags::read(args, "Hpj", "o", "get")?),
            "status" => self.pool_status(&Flags::read(args, "jpPvxtsDdegiL", "cT", "status")?),
            "scrub" => self.pool_scrub(&Flags::read(args, "espwC", "", "scrub")?),
            "wait" => self.pool_wait(args),
            "sync" => done(),
            "version" => Ok(super::version(args)),
            other => Ok(usage(&format!("unrecognized command '{other}'"), "zpool", "")),
        }
    }

    fn pool_create(&mut self, flags: &Flags) -> Done {
        let Some((name, vdevs)) = flags.names.split_first() else {
            return Err(Fail::usage("missing pool name argument", "create"));
        };
        self.root_for(&format!("cannot create '{name}'"))?;
        if self.state.pools.contains_key(name) {
            return Err(Fail::say(format!("cannot create '{name}': pool already exists")));
        }
        let vdevs = vdevs.iter().map(|path| (path.clone(), guid())).collect();
        self.state.pools.insert(
            name.clone(),
            Pool { guid: guid(), vdevs, size: SIZE, scan: None, away: BTreeMap::new() },
        );
        let createtxg = self.state.next_txg();
        let root = Dataset {
            volume: false,
            sparse: false,
            guid: guid(),
            createtxg,
            creation: self.now,
            referenced: EMPTY,
            written: EMPTY,
            mounted: true,
            local: BTreeMap::new(),
            snapshots: Vec::new(),
            bookmarks: Vec::new(),
            origin: None,
            allowed: BTreeMap::new(),
            files: Vec::new(),
        };
        self.state.datasets.insert(name.clone(), root);
        done()
    }

    fn pool_destroy(&mut self, flags: &Flags) -> Done {
        let name = flags.name(0).unwrap_or_default();
        self.pool(name)?;
        self.root_for(&format!("cannot unmount '/{name}': permission denied\ncould not destroy '{name}'"))?;
        self.state.pools.remove(name);
        self.take_datasets(name);
        done()
    }

    fn pool_export(&mut self, flags: &Flags) -> Done {
        let name = flags.name(0).unwrap_or_default();
        self.pool(name)?;
        self.root_for(&format!("cannot unmount '/{name}'"))?;
        let away = self.take_datasets(name);
        if let Some(pool) = self.state.pools.remove(name) {
            self.state.exported.insert(name.to_owned(), Pool { away, ..pool });
        }
        done()
    }

    fn take_datasets(&mut self, pool: &str) -> BTreeMap<String, Dataset> {
        let mut taken = BTreeMap::new();
        for name in self.state.below(pool).into_iter().chain([pool.to_owned()]) {
            if let Some(dataset) = self.state.datasets.remove(&name) {
                taken.insert(name, dataset);
            }
        }
        taken
    }

    fn pool_import(&mut self, flags: &Flags) -> Done {
        let Some(name) = flags.name(0) else {
            let pools: String = self.state.exported.keys().map(|name| format!("  pool: {name}\n")).collect();
            return printed(if pools.is_empty() {
                "no pools available to import\n".to_owned()
            } else {
                pools
            });
        };
        let cannot = || Fail::say(format!("cannot import '{name}': no such pool available"));
        self.root_for(&format!("cannot import '{name}'"))?;
        let pool = self.state.exported.remove(name).ok_or_else(cannot)?;
        self.state.datasets.extend(pool.away.clone());
        self.state.pools.insert(name.to_owned(), Pool { away: BTreeMap::new(), ..pool });
        done()
    }

    fn pool_scrub(&mut self, flags: &Flags) -> Done {
        let name = flags.name(0).unwrap_or_default().to_owned();
        self.pool(&name)?;
        self.root_for(&format!("cannot scrub {name}"))?;
        let (now, used) = (self.now, self.state.used(&name));
        let scan = self.scan(&name);
        let runs = scan.as_ref().is_some_and(|scan| scan.state == "SCANNING");
        let paused = scan.as_ref().is_some_and(|scan| scan.paused > 0);
        let next = match (flags.has('s'), flags.has('p')) {
            (true, _) if !runs => {
                return Err(Fail::say(format!("cannot cancel scrubbing {name}: there is no active scrub")));
            }
            (true, _) => scan.map(|scan| Scan { state: "CANCELED".to_owned(), end: now, paused: 0, ..scan }),
            (_, true) if paused => {
                let hint = "scrub is paused; use 'zpool scrub' to resume scrub";
                return Err(Fail::say(format!("cannot pause scrubbing {name}: {hint}")));
            }
            (_, true) => scan.map(|scan| if runs { Scan { paused: now, ..scan } } else { scan }),
            (false, false) if runs && !paused => {
                let hint = "currently scrubbing; use 'zpool scrub -s' to cancel scrub";
                return Err(Fail::say(format!("cannot scrub {name}: {hint}")));
            }
            (false, false) if paused => scan.map(|scan| Scan { paused: 0, end: now + SCRUB_SECONDS, ..scan }),
            (false, false) => {
                let state = "SCANNING".to_owned();
                Some(Scan { state, start: now, end: now + SCRUB_SECONDS, paused: 0, examined: used })
            }
        };
        if let Some(pool) = self.state.pools.get_mut(&name) {
            pool.scan = next;
        }
        done()
    }

    fn pool_wait(&mut self, names: &[String]) -> Done {
        for name in names {
            self.pool(name)?;
            if let Some(scan) = self.state.pools.get_mut(name).and_then(|pool| pool.scan.as_mut()) {
                "FINISHED".clone_into(&mut scan.state);
                scan.paused = 0;
            }
        }
        done()
    }

    /// The scan as it is by now: a scrub ends by itself.
    fn scan(&self, pool: &str) -> Option<Scan> {
        let scan = self.state.pools.get(pool)?.scan.clone()?;
        let is_over = scan.state == "SCANNING" && scan.paused == 0 && self.now >= scan.end;
        Some(if is_over { Scan { state: "FINISHED".to_owned(), ..scan } } else { scan })
    }

    fn pool(&self, name: &str) -> Result<&Pool, Fail> {
        self.state.pools.get(name).ok_or_else(|| Fail::say(format!("cannot open '{name}': no such pool")))
    }

    fn root_for(&self, cannot: &str) -> Result<(), Fail> {
        match self.caller {
            Caller::Root => Ok(()),
            Caller::User(_) => Err(Fail::say(format!("{cannot}: permission denied"))),
        }
    }

    fn pool_status(&mut self, flags: &Flags) -> Done {
        let names: Vec<String> = match flags.names.is_empty() {
            true => self.state.pools.keys().cloned().collect(),
            false => flags.names.clone(),
        };
        let (mut pools, mut text) = (Map::new(), String::new());
        for name in names {
            let pool = self.pool(&name)?;
            pools.insert(name.clone(), self.status_json(&name, pool));
            text.push_str(&self.status_text(&name, pool));
        }
        if !flags.has('j') {
            return printed(text);
        }
        let value = json!({"output_version": form::head("zpool status"), "pools": pools});
        printed(format!("{value}\n"))
    }

    fn status_json(&self, name: &str, pool: &Pool) -> Value {
        let counts = |mut vdev: Value| {
            if let Some(map) = vdev.as_object_mut() {
                for count in ["read_errors", "write_errors", "checksum_errors"] {
                    map.insert(count.to_owned(), json!(0));
                }
            }
            vdev
        };
        let vdev = |(path, guid): &(String, u64)| {
            let vdev = json!({"name": path, "vdev_type": "file", "guid": guid, "path": path, "class": "normal",
                "state": "ONLINE", "slow_ios": 0});
            (path.clone(), counts(vdev))
        };
        let inner: Map<String, Value> = pool.vdevs.iter().map(vdev).collect();
        let root = counts(json!({"name": name, "vdev_type": "root", "guid": pool.guid, "class": "normal",
            "state": "ONLINE", "alloc_space": self.state.used(name), "total_space": pool.size, "vdevs": inner}));
        let mut status = json!({"name": name, "state": "ONLINE", "pool_guid": pool.guid, "txg": self.state.txg,
            "spa_version": 5000, "zpl_version": 5, "vdevs": {name: root}, "error_count": 0});
        if let (Some(scan), Some(map)) = (self.scan(name), status.as_object_mut()) {
            let end = if scan.state == "SCANNING" { 0 } else { scan.end };
            let stats = json!({"function": "SCRUB", "state": scan.state, "start_time": scan.start, "end_time": end,
                "to_examine": scan.examined, "examined": scan.examined, "skipped": 0, "processed": 0, "errors": 0,
                "scrub_pause": scan.paused, "pass_start": scan.start, "scrub_spent_paused": 0,
                "bytes_per_scan": 0, "issued": scan.examined, "issued_bytes_per_scan": scan.examined});
            map.insert("scan_stats".to_owned(), stats);
        }
        status
    }

    fn status_text(&self, name: &str, pool: &Pool) -> String {
        let day = |seconds: u64| values::date(seconds);
        let scan = self.scan(name).map(|scan| match scan.state.as_str() {
            "SCANNING" if scan.paused > 0 => format!("  scan: scrub paused since {}\n", day(scan.paused)),
            "SCANNING" => format!("  scan: scrub in progress since {}\n", day(scan.start)),
            "CANCELED" => format!("  scan: scrub canceled on {}\n", day(scan.end)),
            _finished => {
                format!("  scan: scrub repaired 0B in 00:00:01 with 0 errors on {}\n", day(scan.end))
            }
        });
        let vdevs: String =
            pool.vdevs.iter().map(|(path, _)| format!("\t  {path}  ONLINE       0     0     0\n")).collect();
        format!(
            "  pool: {name}\n state: ONLINE\n{}config:\n\n\tNAME  STATE     READ WRITE CKSUM\n\t{name}  ONLINE       0     0     0\n{vdevs}\nerrors: No known data errors\n",
            scan.unwrap_or_default()
        )
    }

    fn pool_list(&mut self, flags: &Flags) -> Done {
        let names: Vec<String> = match flags.names.is_empty() {
            true => self.state.pools.keys().cloned().collect(),
            false => flags.names.clone(),
        };
        let columns =
            flags.value('o').unwrap_or("name,size,alloc,free,ckpoint,expandsz,frag,cap,dedup,health,altroot");
        let (mut rows, mut pools, mut missing) = (Vec::new(), Map::new(), String::new());
        for name in names {
            // As OpenZFS does: what is missing is said, the rest is listed, and the status is 0 if there is any.
            let pool = match self.pool(&name) {
                Ok(pool) => pool,
                Err(Fail(output)) => {
                    missing.push_str(&output.stderr);
                    continue;
                }
            };
            let row: Vec<String> =
                columns.split(',').map(|column| self.pool_cell(&name, pool, column, flags)).collect();
            pools.insert(name.clone(), self.pool_json(&name, pool, columns, flags));
            rows.push(row);
        }
        if pools.is_empty() && !missing.is_empty() {
            return Err(Fail::say(missing.trim_end()));
        }
        if flags.has('j') {
            let value = json!({"output_version": form::head("zpool list"), "pools": pools});
            return Ok(Output { code: 0, stdout: format!("{value}\n"), stderr: missing });
        }
        if flags.has('H') {
            return printed(rows.iter().map(|row| format!("{}\n", row.join("\t"))).collect());
        }
        let head: Vec<String> = columns.split(',').map(str::to_uppercase).collect();
        printed(values::table(&head.iter().map(String::as_str).collect::<Vec<_>>(), &rows))
    }

    fn pool_get(&mut self, flags: &Flags) -> Done {
        let Some((columns, names)) = flags.names.split_first() else {
            return Err(Fail::usage("missing property argument", "get"));
        };
        let (mut lines, mut pools) = (String::new(), Map::new());
        for name in names {
            let pool = self.pool(name)?;
            pools.insert(name.clone(), self.pool_json(name, pool, columns, flags));
            for column in columns.split(',') {
                lines.push_str(&format!(
                    "{name}\t{column}\t{}\t-\n",
                    self.pool_cell(name, pool, column, flags)
                ));
            }
        }
        if flags.has('j') {
            let value = json!({"output_version": form::head("zpool get"), "pools": pools});
            return printed(format!("{value}\n"));
        }
        printed(lines)
    }

    fn pool_cell(&self, name: &str, pool: &Pool, column: &str, flags: &Flags) -> String {
        let bytes = |bytes: u64| if flags.has('p') { bytes.to_string() } else { values::human(bytes) };
        let used = self.state.used(name);
        match column {
            "name" => name.to_owned(),
            "size" => bytes(pool.size),
            "alloc" | "allocated" => bytes(used),
            "free" => bytes(pool.size.saturating_sub(used)),
            "health" => "ONLINE".to_owned(),
            "guid" => pool.guid.to_string(),
            "frag" | "fragmentation" | "cap" | "capacity" => {
                "0%".trim_end_matches(if flags.has('p') { '%' } else { ' ' }).to_owned()
            }
            "dedup" | "dedupratio" => if flags.has('p') { "1.00" } else { "1.00x" }.to_owned(),
            _other => "-".to_owned(),
        }
    }

    fn pool_json(&self, name: &str, pool: &Pool, columns: &str, flags: &Flags) -> Value {
        let long = |column: &str| match column {
            "alloc" => "allocated".to_owned(),
            "ckpoint" => "checkpoint".to_owned(),
            "expandsz" => "expandsize".to_owned(),
            "frag" => "fragmentation".to_owned(),
            "cap" => "capacity".to_owned(),
            "dedup" => "dedupratio".to_owned(),
            other => other.to_owned(),
        };
        let property = |column: &str| {
            let source = if column == "altroot" { "default" } else { "-" };
            (long(column), form::property(&self.pool_cell(name, pool, column, flags), source, flags.json_int))
        };
        let properties: Map<String, Value> =
            columns.split(',').filter(|column| *column != "name").map(property).collect();
        let number = |number: u64| if flags.json_int { json!(number) } else { json!(number.to_string()) };
        json!({"name": name, "type": "POOL", "state": "ONLINE", "pool_guid": number(pool.guid),
            "txg": number(self.state.txg), "spa_version": number(5000), "zpl_version": number(5), "properties": properties})
    }
}
