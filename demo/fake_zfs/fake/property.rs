//! The properties that the fake knows: what each takes, what it belongs to, and its value when nobody set it.

/// What a property takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Takes {
    /// One of these words.
    Words(&'static [&'static str]),
    /// Bytes, or `none` for 0.
    Size,
    /// A block size.
    Block,
    /// A count, or `none`.
    Count,
    /// Any text.
    Text,
    /// Nothing: it is read only.
    Nothing,
}

/// What a property belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Of {
    /// Filesystems.
    Filesystem,
    /// Volumes.
    Volume,
    /// Both.
    Dataset,
    /// Whatever has a value for it.
    Anything,
}

/// One property.
#[derive(Debug)]
pub(super) struct Property {
    pub(super) name: &'static str,
    pub(super) takes: Takes,
    pub(super) of: Of,
    pub(super) default: &'static str,
    pub(super) inherits: bool,
}

const ON_OFF: Takes = Takes::Words(&["on", "off"]);
const CACHE: Takes = Takes::Words(&["all", "none", "metadata"]);
const COMPRESSION: Takes = Takes::Words(&[
    "on",
    "off",
    "lzjb",
    "gzip",
    "gzip-[1-9]",
    "zle",
    "lz4",
    "zstd",
    "zstd-[1-19]",
    "zstd-fast",
    "zstd-fast-[1-10,20,30,40,50,60,70,80,90,100,500,1000]",
]);

const fn inherited(name: &'static str, takes: Takes, of: Of, default: &'static str) -> Property {
    Property { name, takes, of, default, inherits: true }
}

const fn own(name: &'static str, takes: Takes, of: Of, default: &'static str) -> Property {
    Property { name, takes, of, default, inherits: false }
}

const fn read_only(name: &'static str) -> Property {
    Property { name, takes: Takes::Nothing, of: Of::Anything, default: "-", inherits: false }
}

static PROPERTIES: &[Property] = &[
    read_only("type"),
    read_only("creation"),
    read_only("used"),
    read_only("available"),
    read_only("referenced"),
    read_only("compressratio"),
    read_only("mounted"),
    own("quota", Takes::Size, Of::Filesystem, "0"),
    own("reservation", Takes::Size, Of::Dataset, "0"),
    inherited("recordsize", Takes::Block, Of::Filesystem, "131072"),
    inherited("mountpoint", Takes::Text, Of::Filesystem, "-"),
    inherited("compression", COMPRESSION, Of::Dataset, "on"),
    inherited("atime", ON_OFF, Of::Filesystem, "on"),
    inherited("devices", ON_OFF, Of::Filesystem, "on"),
    inherited("exec", ON_OFF, Of::Filesystem, "on"),
    inherited("setuid", ON_OFF, Of::Filesystem, "on"),
    inherited("readonly", ON_OFF, Of::Dataset, "off"),
    inherited("snapdir", Takes::Words(&["disabled", "hidden", "visible"]), Of::Filesystem, "hidden"),
    read_only("createtxg"),
    own("canmount", Takes::Words(&["on", "off", "noauto"]), Of::Filesystem, "on"),
    inherited("xattr", Takes::Words(&["on", "off", "dir", "sa"]), Of::Filesystem, "on"),
    inherited("copies", Takes::Words(&["1", "2", "3"]), Of::Dataset, "1"),
    own("refquota", Takes::Size, Of::Filesystem, "0"),
    own("refreservation", Takes::Size, Of::Dataset, "0"),
    read_only("guid"),
    inherited("primarycache", CACHE, Of::Dataset, "all"),
    inherited("secondarycache", CACHE, Of::Dataset, "all"),
    read_only("usedbysnapshots"),
    inherited("logbias", Takes::Words(&["latency", "throughput"]), Of::Dataset, "latency"),
    inherited("sync", Takes::Words(&["standard", "always", "disabled"]), Of::Dataset, "standard"),
    read_only("written"),
    read_only("logicalused"),
    read_only("logicalreferenced"),
    own("filesystem_limit", Takes::Count, Of::Filesystem, "none"),
    own("snapshot_limit", Takes::Count, Of::Dataset, "none"),
    inherited("relatime", ON_OFF, Of::Filesystem, "on"),
    own("volsize", Takes::Size, Of::Volume, "-"),
    read_only("origin"),
    read_only("clones"),
    read_only("userrefs"),
    read_only("defer_destroy"),
    read_only("keystatus"),
    read_only("encryptionroot"),
    read_only("receive_resume_token"),
];

/// The property of that name; `avail` and `refer` are others' short names.
pub(super) fn find(name: &str) -> Option<&'static Property> {
    let name = match name {
        "avail" => "available",
        "refer" => "referenced",
        "compress" => "compression",
        other => other,
    };
    PROPERTIES.iter().find(|property| property.name == name)
}

/// Every property, in the order of `get all`.
pub(super) fn all() -> impl Iterator<Item = &'static Property> {
    PROPERTIES.iter()
}

impl Property {
    /// Whether a filesystem (or a volume) has it.
    pub(super) fn applies(&self, volume: bool) -> bool {
        match self.of {
            Of::Filesystem => !volume,
            Of::Volume => volume,
            Of::Dataset | Of::Anything => true,
        }
    }
}

/// Whether a name is one of a user's own properties.
pub(super) fn is_user(name: &str) -> bool {
    name.contains(':')
}
