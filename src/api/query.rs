//! The query of a URL: known keys, each once, percent-decoded.

use super::status::Fault;

/// The keys and values that have not been taken yet.
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    pub(super) fn parse(query: Option<&str>) -> Result<Self, Fault> {
        let mut pairs: Vec<(String, String)> = Vec::new();
        for pair in query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
            let (key, value) = pair.split_once('=').ok_or(Fault::Query)?;
            let (key, value) = (decoded(key)?, decoded(value)?);
            if pairs.iter().any(|(known, _)| *known == key) {
                return Err(Fault::Query);
            }
            pairs.push((key, value));
        }
        Ok(Self(pairs))
    }

    /// Takes a key's value.
    pub(super) fn take(&mut self, key: &str) -> Option<String> {
        let position = self.0.iter().position(|(known, _)| known == key)?;
        Some(self.0.swap_remove(position).1)
    }

    /// Every key has been taken.
    pub(super) fn finish(self) -> Result<(), Fault> {
        if self.0.is_empty() { Ok(()) } else { Err(Fault::Query) }
    }
}

fn decoded(text: &str) -> Result<String, Fault> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'%' => bytes.push(hex(rest.next())? << 4 | hex(rest.next())?),
            b'+' => bytes.push(b' '),
            byte => bytes.push(byte),
        }
    }
    String::from_utf8(bytes).map_err(|_not_text| Fault::Query)
}

fn hex(digit: Option<u8>) -> Result<u8, Fault> {
    let digit = digit.and_then(|digit| char::from(digit).to_digit(16)).ok_or(Fault::Query)?;
    u8::try_from(digit).map_err(|_too_large| Fault::Query)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_decoded_and_taken_once() {
        let mut query = Query::parse(Some("kind=zfs&cursor=a%2Fb+c&")).unwrap();
        assert_eq!(query.take("cursor").as_deref(), Some("a/b c"));
        assert_eq!(query.take("cursor"), None);
        assert_eq!(query.take("kind").as_deref(), Some("zfs"));
        assert_eq!(query.finish(), Ok(()));
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for bad in ["a", "a=1&a=2", "a=%", "a=%4", "a=%zz", "a=%ff", "%61=1&a=2"] {
            assert_eq!(Query::parse(Some(bad)).err(), Some(Fault::Query), "{bad}");
        }
        assert_eq!(Query::parse(Some("x=1")).unwrap().finish(), Err(Fault::Query));
    }
}
