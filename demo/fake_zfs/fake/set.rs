//! Setting and inheriting properties, with OpenZFS's checks.

use super::flags::Flags;
use super::property::{self, Takes};
use super::{Done, Fail, Host, done};

/// What a full pool of the tests could hold at most.
const MOST: u64 = 1 << 40;

/// `name=value` as a pair.
pub(super) fn assignments<'a>(pairs: impl Iterator<Item = &'a str>) -> Result<Vec<(String, String)>, Fail> {
    pairs
        .map(|pair| match pair.split_once('=') {
            Some((name, value)) => Ok((name.to_owned(), value.to_owned())),
            None => Err(Fail::usage(&format!("missing '=' for property=value argument '{pair}'"), "set")),
        })
        .collect()
}

/// A size in bytes, from `10M`.
pub(super) fn size(text: &str, name: &str) -> Result<u64, Fail> {
    bytes(text).map_err(|problem| Fail::say(format!("bad volume size '{text}' for '{name}': {problem}")))
}

fn bytes(text: &str) -> Result<u64, String> {
    let units = [('K', 10), ('M', 20), ('G', 30), ('T', 40), ('P', 50)];
    let unit = units.into_iter().find_map(|(unit, shift)| Some((text.strip_suffix(unit)?, shift)));
    let (digits, shift) = unit.unwrap_or((text, 0));
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(format!("bad numeric value '{text}'"));
    }
    let number: Option<u64> = digits.parse().ok();
    let scaled = number.and_then(|number| number.checked_mul(1 << shift));
    scaled.ok_or_else(|| "numeric value is too large".to_owned())
}

/// The value as it is kept, or why it is not taken.
pub(super) fn check(name: &str, value: &str, volume: bool) -> Result<String, String> {
    if property::is_user(name) {
        return Ok(value.to_owned());
    }
    let Some(property) = property::find(name) else { return Err(format!("invalid property '{name}'")) };
    match property.takes {
        Takes::Nothing => return Err(format!("'{name}' is readonly")),
        Takes::Words(words) if !is_among(words, value) => {
            return Err(format!("'{name}' must be one of '{}'", words.join(" | ")));
        }
        Takes::Words(_) | Takes::Size | Takes::Block | Takes::Count | Takes::Text => {}
    }
    if !property.applies(volume) {
        return Err(format!("'{name}' does not apply to datasets of this type"));
    }
    match property.takes {
        // OpenZFS 2.3 keeps `sa` as `on`.
        Takes::Words(_) => Ok(if (name, value) == ("xattr", "sa") { "on" } else { value }.to_owned()),
        Takes::Size if value == "none" => Ok("0".to_owned()),
        Takes::Size => match bytes(value)? {
            odd if name == "volsize" && odd % 16_384 != 0 => {
                Err("'volsize' must be a multiple of volume block size (16K)".to_owned())
            }
            huge if name.ends_with("reservation") && huge > MOST => {
                Err("size is greater than available space".to_owned())
            }
            bytes => Ok(bytes.to_string()),
        },
        Takes::Block => match bytes(value)? {
            block if block.is_power_of_two() && (512..=16 << 20).contains(&block) => Ok(block.to_string()),
            _odd => Err(format!("'{name}' must be power of 2 from 512B to 16M")),
        },
        Takes::Count if value == "none" => Ok(value.to_owned()),
        Takes::Count => bytes(value).map(|count| count.to_string()),
        Takes::Text | Takes::Nothing => Ok(value.to_owned()),
    }
}

/// Words, some of which stand for a range: `gzip-[1-9]`.
fn is_among(words: &[&str], value: &str) -> bool {
    words.iter().any(|word| match word.split_once("-[") {
        None => *word == value,
        Some((stem, _)) => {
            let level = value.strip_prefix(stem).and_then(|rest| rest.strip_prefix('-'));
            level.is_some_and(|level| level.parse::<u16>().is_ok_and(|level| level > 0))
        }
    })
}

impl Host<'_> {
    pub(super) fn set(&mut self, flags: &Flags) -> Done {
        let (pairs, names): (Vec<String>, Vec<String>) =
            flags.names.iter().cloned().partition(|argument| argument.contains('='));
        if pairs.is_empty() {
            return Err(Fail::usage("missing property=value argument(s)", "set"));
        }
        for name in names {
            let volume = self.state.dataset(&name)?.volume;
            for (property, value) in assignments(pairs.iter().map(String::as_str))? {
                let cannot =
                    |why: &str| Fail::say(format!("cannot set property for '{name}': {why}")).code(255);
                let value = check(&property, &value, volume).map_err(|problem| cannot(&problem))?;
                if !self.is_allowed(&property, &name) {
                    return Err(cannot("permission denied"));
                }
                let limit = value.parse().unwrap_or(0_u64);
                let too_small = matches!(property.as_str(), "quota" | "refquota")
                    && limit > 0
                    && limit < self.state.used(&name);
                if too_small {
                    return Err(cannot("size is less than current used or reserved space"));
                }
                self.state.dataset_mut(&name)?.local.insert(property, value);
            }
        }
        done()
    }

    pub(super) fn inherit(&mut self, flags: &Flags) -> Done {
        let (Some(name), Some(target)) = (flags.name(0), flags.name(1)) else {
            return Err(Fail::usage("missing property argument", "inherit"));
        };
        let own = property::find(name).is_some_and(|property| !property.inherits);
        if own {
            let hints = format!(
                "use 'zfs set {name}=none' to clear\nuse 'zfs inherit -S {name}' to revert to received value"
            );
            return Err(Fail::say(format!("'{name}' property cannot be inherited\n{hints}")));
        }
        self.state.dataset(target)?;
        if !self.is_allowed(name, target) {
            return Err(
                Fail::say(format!("cannot inherit {name} for '{target}': permission denied")).code(255)
            );
        }
        self.state.dataset_mut(target)?.local.remove(name);
        done()
    }
}
