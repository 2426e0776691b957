//! One line of a listing: a dataset, snapshot or bookmark with the properties that plans go by.

/// The columns that [`Item::from_line`] reads, as `zfs list -o` takes them.
pub(super) const COLUMNS: &str =
    "name,type,guid,createtxg,creation,used,referenced,written,origin,clones,userrefs,mounted";

/// What a thing is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Filesystem,
    Volume,
    Snapshot,
    Bookmark,
}

impl Kind {
    /// The word in listings and in effects.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Filesystem => "filesystem",
            Self::Volume => "volume",
            Self::Snapshot => "snapshot",
            Self::Bookmark => "bookmark",
        }
    }

    /// Whether things can lie below it, snapshots be taken of it, and it be cloned into.
    pub(super) fn is_dataset(self) -> bool {
        match self {
            Self::Filesystem | Self::Volume => true,
            Self::Snapshot | Self::Bookmark => false,
        }
    }

    fn from_word(word: &str) -> Option<Self> {
        [Self::Filesystem, Self::Volume, Self::Snapshot, Self::Bookmark]
            .into_iter()
            .find(|kind| kind.as_str() == word)
    }
}

/// One thing in a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Item {
    pub(super) name: String,
    pub(super) kind: Kind,
    pub(super) guid: String,
    pub(super) createtxg: u64,
    pub(super) creation: u64,
    pub(super) used: Option<u64>,
    pub(super) referenced: Option<u64>,
    pub(super) written: Option<u64>,
    pub(super) origin: Option<String>,
    pub(super) clones: Vec<String>,
    pub(super) holds: u64,
    pub(super) mounted: bool,
}

impl Item {
    /// Reads one line of `zfs list -Hp -o COLUMNS`. None when anything in it is not as it must be.
    pub(super) fn from_line(line: &str) -> Option<Self> {
        let columns: Vec<&str> = line.split('\t').collect();
        let &[name, kind, guid, txg, creation, used, referenced, written, origin, clones, userrefs, mounted] =
            columns.as_slice()
        else {
            return None;
        };
        if guid.is_empty() || !guid.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        Some(Self {
            name: name.to_owned(),
            kind: Kind::from_word(kind)?,
            guid: guid.to_owned(),
            createtxg: txg.parse().ok()?,
            creation: creation.parse().ok()?,
            used: number(used)?,
            referenced: number(referenced)?,
            written: number(written)?,
            origin: word(origin).map(str::to_owned),
            clones: word(clones)
                .map(|names| names.split(',').map(str::to_owned).collect())
                .unwrap_or_default(),
            holds: number(userrefs)?.unwrap_or(0),
            mounted: mounted == "yes",
        })
    }

    /// The dataset that it is, or is of.
    pub(super) fn dataset(&self) -> &str {
        self.name.split(['@', '#']).next().unwrap_or(&self.name)
    }

    /// What stands behind `@` or `#`; empty for a dataset.
    pub(super) fn short(&self) -> &str {
        self.name.split_once(['@', '#']).map_or("", |(_, short)| short)
    }
}

/// `-` and nothing are no value.
fn word(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty() && *text != "-")
}

/// A number, or none for `-`; the outer None is for what is neither.
fn number(text: &str) -> Option<Option<u64>> {
    match word(text) {
        None => Some(None),
        Some(digits) => digits.parse().ok().map(Some),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = "tank/a@s1\tsnapshot\t11804445221903089904\t24\t1795171273\t0\t4224000\t4224000\t-\ttank/c2,tank/c1\t2\t-";

    #[test]
    fn a_line_is_read_whole() {
        let item = Item::from_line(LINE).unwrap();
        assert_eq!(item.guid, "11804445221903089904");
        assert_eq!((item.kind, item.createtxg, item.holds), (Kind::Snapshot, 24, 2));
        assert_eq!(item.clones, ["tank/c2", "tank/c1"]);
        assert_eq!((item.dataset(), item.short()), ("tank/a", "s1"));
        assert_eq!(item.origin, None);
    }

    #[test]
    fn a_line_that_is_not_as_it_must_be_is_no_item() {
        for broken in [
            String::new(),
            LINE.replace("\tsnapshot\t", "\tfile\t"),
            LINE.replace("\t24\t", "\tx\t"),
            LINE.replace("11804445221903089904", "-"),
            LINE.replacen('\t', " ", 1),
            format!("{LINE}\textra"),
        ] {
            assert_eq!(Item::from_line(&broken), None, "{broken:?}");
        }
    }
}
