//! The bytes of a grant. One grant has one encoding and one encoding is one grant, so what is signed is what is meant.
//!
//! Magic, then the fields in the order of [`Grant`]: integers big-endian, text and lists behind a 16-bit length.

use super::{Grant, Malformed, Refusal, RunAs, WrapperName};

/// What every grant begins with. The signature covers it, so that no other thing the gate may come to sign is ever
/// taken for a grant, nor a grant of another version for one of this.
const MAGIC: &[u8] = b"reeve grant v2\n";

pub(super) const SIGNATURE_BYTES: usize = 64;

const ROOT: u8 = 0;
const USER: u8 = 1;

const MAX_RUN_SECS: u32 = 24 * 60 * 60;
const MAX_PATH: usize = 4096;
const MAX_ARGS: usize = 256;

/// The one encoding of a grant. Root only decodes.
#[cfg(feature = "full")]
pub(super) fn encode(grant: &Grant) -> Result<Vec<u8>, Malformed> {
    check(grant)?;
    let mut out = MAGIC.to_vec();
    put_text(&mut out, &grant.operation)?;
    out.extend(grant.step.to_be_bytes());
    out.push(grant.wrapper.code());
    put_text(&mut out, &grant.program)?;
    put_length(&mut out, grant.argv.len())?;
    for arg in &grant.argv {
        put_text(&mut out, arg)?;
    }
    put_text(&mut out, grant.directory.as_deref().unwrap_or_default())?;
    match &grant.run_as {
        RunAs::Root => out.push(ROOT),
        RunAs::User(name) => {
            out.push(USER);
            put_text(&mut out, name)?;
        }
    }
    put_text(&mut out, &grant.host)?;
    put_text(&mut out, &grant.boot)?;
    out.extend(grant.not_after.to_be_bytes());
    out.extend(grant.run_limit_secs.to_be_bytes());
    out.extend(grant.nonce);
    if out.len() + SIGNATURE_BYTES > super::MAX_BYTES {
        return Err(Malformed("too long"));
    }
    Ok(out)
}

/// The grant that these bytes are, all of them.
pub(super) fn decode(bytes: &[u8]) -> Result<Grant, Refusal> {
    let mut reader = Reader(bytes);
    let grant = reader.grant()?;
    if !reader.0.is_empty() {
        return Err(Refusal::TrailingBytes);
    }
    check(&grant)?;
    Ok(grant)
}

/// The bounds that hold for every grant, whichever way it came to be.
fn check(grant: &Grant) -> Result<(), Malformed> {
    let bounds = [
        (is_word(&grant.operation, 40, b"_"), "operation id"),
        (is_path(&grant.program), "program path"),
        (grant.argv.len() <= MAX_ARGS, "number of arguments"),
        (!grant.argv.iter().any(|arg| arg.contains('\0')), "argument with a zero byte"),
        (grant.directory.as_deref().is_none_or(is_path), "directory"),
        (is_run_as(&grant.run_as), "user name"),
        (is_word(&grant.host, 64, b"-"), "host id"),
        (is_word(&grant.boot, 64, b"-"), "boot id"),
        ((1..=MAX_RUN_SECS).contains(&grant.run_limit_secs), "run limit"),
    ];
    match bounds.into_iter().find(|(holds, _)| !holds) {
        Some((_, broken)) => Err(Malformed(broken)),
        None => Ok(()),
    }
}

fn is_word(text: &str, max: usize, also: &[u8]) -> bool {
    (1..=max).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || also.contains(&byte))
}

fn is_path(text: &str) -> bool {
    text.len() <= MAX_PATH && text.starts_with('/') && text.bytes().all(|byte| byte.is_ascii_graphic())
}

fn is_run_as(run_as: &RunAs) -> bool {
    match run_as {
        RunAs::Root => true,
        RunAs::User(name) => is_word(name, 32, b"_-.") && !name.starts_with(['-', '.']),
    }
}

#[cfg(feature = "full")]
fn put_text(out: &mut Vec<u8>, text: &str) -> Result<(), Malformed> {
    put_length(out, text.len())?;
    out.extend(text.as_bytes());
    Ok(())
}

#[cfg(feature = "full")]
fn put_length(out: &mut Vec<u8>, length: usize) -> Result<(), Malformed> {
    let length = u16::try_from(length).map_err(|_| Malformed("field too long"))?;
    out.extend(length.to_be_bytes());
    Ok(())
}

/// What is left to decode. Nothing is read past its end and nothing is allocated by a length it claims.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn grant(&mut self) -> Result<Grant, Malformed> {
        self.0 = self.0.strip_prefix(MAGIC).ok_or(Malformed("does not begin as one of this version does"))?;
        Ok(Grant {
            operation: self.text()?,
            step: u16::from_be_bytes(self.array()?),
            wrapper: self.wrapper()?,
            program: self.text()?,
            argv: self.argv()?,
            directory: Some(self.text()?).filter(|path| !path.is_empty()),
            run_as: self.run_as()?,
            host: self.text()?,
            boot: self.text()?,
            not_after: u64::from_be_bytes(self.array()?),
            run_limit_secs: u32::from_be_bytes(self.array()?),
            nonce: self.array()?,
        })
    }

    fn wrapper(&mut self) -> Result<WrapperName, Malformed> {
        let [code] = self.array()?;
        WrapperName::from_code(code).ok_or(Malformed("unknown wrapper"))
    }

    fn argv(&mut self) -> Result<Vec<String>, Malformed> {
        let count = u16::from_be_bytes(self.array()?);
        (0..count).map(|_| self.text()).collect()
    }

    fn run_as(&mut self) -> Result<RunAs, Malformed> {
        match self.array()? {
            [ROOT] => Ok(RunAs::Root),
            [USER] => Ok(RunAs::User(self.text()?)),
            _ => Err(Malformed("neither root nor a user")),
        }
    }

    fn text(&mut self) -> Result<String, Malformed> {
        let length = u16::from_be_bytes(self.array()?);
        let bytes = self.take(length.into())?;
        std::str::from_utf8(bytes).map(str::to_owned).map_err(|_| Malformed("text that is not UTF-8"))
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        self.take(N)?.try_into().map_err(|_| Malformed("ends too early"))
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(Malformed("ends too early"))?;
        self.0 = rest;
        Ok(taken)
    }
}
