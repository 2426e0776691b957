//! Options and operands as Perl's Getopt::Long and Proxmox's schemas take them.

use super::Fail;

/// An option that a command knows.
#[derive(Debug, Clone, Copy)]
pub(super) enum Opt {
    /// With a value.
    Value(&'static str),
    /// With or without 0 or 1.
    Switch(&'static str),
    /// With a value, and a number in its name: `net0`.
    Numbered(&'static str),
}

/// What a call was given.
#[derive(Debug, Default)]
pub(super) struct Args {
    operands: Vec<String>,
    options: Vec<(String, String)>,
}

impl Args {
    pub(super) fn read(
        words: &[String],
        command: &str,
        operands: &[&str],
        known: &[Opt],
    ) -> Result<Self, Fail> {
        let line: Vec<String> = operands.iter().map(|name| format!("<{name}>")).collect();
        let usage = format!("pct {command} {} [OPTIONS]", line.join(" "));
        let bad = |said: &str| Fail::die(format!("{said}\n{usage}"));
        let mut args = Self::default();
        let mut words = words.iter().peekable();
        while let Some(word) = words.next() {
            let bare = word.strip_prefix("--").or(word.strip_prefix('-'));
            let Some(bare) = bare.filter(|bare| !bare.is_empty()) else {
                args.operands.extend((word != "--").then(|| word.clone()));
                if word == "--" {
                    args.operands.extend(words.by_ref().cloned());
                }
                continue;
            };
            let (name, joined) =
                bare.split_once('=').map_or((bare, None), |(name, value)| (name, Some(value)));
            let Some((name, takes)) = known.iter().find_map(|opt| opt.matches(name, known)) else {
                return Err(bad(&format!("Unknown option: {name}\n400 unable to parse option")));
            };
            let value = match (joined, takes) {
                (Some(value), _) => value.to_owned(),
                (None, Opt::Switch(_)) => match words.peek().map(|word| word.as_str()) {
                    Some("0" | "1" | "on" | "off" | "yes" | "no" | "true" | "false") => {
                        words.next().cloned().unwrap_or_default()
                    }
                    Some(_) | None => "1".to_owned(),
                },
                (None, Opt::Value(_) | Opt::Numbered(_)) => match words.next() {
                    Some(value) => value.clone(),
                    None => {
                        return Err(bad(&format!(
                            "Option {name} requires an argument\n400 unable to parse option"
                        )));
                    }
                },
            };
            let value = if matches!(takes, Opt::Switch(_)) {
                switch(&value).ok_or_else(|| bad("400 unable to parse boolean option"))?
            } else {
                value
            };
            args.options.push((name, value));
        }
        if args.operands.len() < operands.len() {
            return Err(bad("400 not enough arguments"));
        }
        if args.operands.len() > operands.len() {
            return Err(bad("400 too many arguments"));
        }
        args.check(operands, &usage)?;
        Ok(args)
    }

    fn check(&self, names: &[&str], usage: &str) -> Result<(), Fail> {
        let wrong = |field: &str, said: &str| {
            Err(Fail::die(format!("400 Parameter verification failed.\n{field}: {said}\n{usage}")))
        };
        for (name, value) in names.iter().zip(&self.operands) {
            match *name {
                "vmid" | "newid" => {
                    let is_digits = value.bytes().all(|b| b.is_ascii_digit());
                    if !is_digits {
                        return wrong(name, &format!("type check ('integer') failed - got '{value}'"));
                    }
                    if !(3..=9).contains(&value.len()) || value.starts_with('0') {
                        return wrong(name, "invalid format - value does not look like a valid VM ID");
                    }
                }
                "snapname" => {
                    if value.len() > 40 {
                        return wrong(name, "value may only be 40 characters long");
                    }
                    let is_id = value.len() > 1
                        && value.starts_with(|c: char| c.is_ascii_alphabetic())
                        && value.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
                    if !is_id {
                        return wrong(name, &format!("invalid format - invalid configuration ID '{value}'"));
                    }
                }
                _other => {}
            }
        }
        for (name, value) in &self.options {
            let is_integer = matches!(name.as_str(), "memory" | "swap" | "cores" | "timeout" | "cpuunits");
            if is_integer && !value.bytes().all(|b| b.is_ascii_digit()) {
                return wrong(name, &format!("type check ('integer') failed - got '{value}'"));
            }
        }
        Ok(())
    }

    pub(super) fn operand(&self, place: usize) -> &str {
        self.operands.get(place).map(String::as_str).unwrap_or_default()
    }

    pub(super) fn value(&self, name: &str) -> Option<&str> {
        self.options.iter().rev().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn is_on(&self, name: &str) -> bool {
        self.value(name) == Some("1")
    }

    pub(super) fn options(&self) -> impl Iterator<Item = (&str, &str)> {
        self.options.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

impl Opt {
    fn name(self) -> &'static str {
        match self {
            Self::Value(name) | Self::Switch(name) | Self::Numbered(name) => name,
        }
    }

    /// The option's whole name when this one is meant: exactly, or by a beginning that no other has.
    fn matches(&self, word: &str, known: &[Opt]) -> Option<(String, Opt)> {
        if let Self::Numbered(name) = self {
            let digits = word.strip_prefix(name)?;
            let is_number = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
            return is_number.then(|| (word.to_owned(), *self));
        }
        let beginnings = known.iter().filter(|opt| opt.name().starts_with(word)).count();
        let is_exact = known.iter().any(|opt| opt.name() == word);
        let is_it = self.name() == word || (!is_exact && beginnings == 1 && self.name().starts_with(word));
        is_it.then(|| (self.name().to_owned(), *self))
    }
}

fn switch(value: &str) -> Option<String> {
    match value {
        "1" | "on" | "yes" | "true" => Some("1".to_owned()),
        "0" | "off" | "no" | "false" => Some("0".to_owned()),
        _other => None,
    }
}
