//! Which layout a store has. What a newer Reeve wrote is refused before anything of it is touched: an older one would miss what is kept in
//! ways that it does not know, such as who said yes to what.

use std::path::Path;

use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition, TableError};

use super::store::{StoreError, storage};

const LAYOUT: TableDefinition<&str, u64> = TableDefinition::new("layout");
const NAME: &str = "layout";

/// The layout that this Reeve writes. It grows when an older Reeve would misread what this one keeps; what is only new, and may be missing,
/// does not make it grow. Stores from before layouts were numbered have the first.
pub(super) const CURRENT: u64 = 1;

/// That the store is of a layout that this Reeve reads.
pub(super) fn check(database: &Database, path: &Path) -> Result<(), StoreError> {
    let read = database.begin_read().map_err(storage)?;
    let found = match read.open_table(LAYOUT) {
        Ok(table) => table.get(NAME).map_err(storage)?.map(|found| found.value()),
        Err(TableError::TableDoesNotExist(_)) => None,
        Err(error) => return Err(storage(error)),
    };
    match found {
        Some(found) if found > CURRENT => {
            Err(StoreError::Newer { path: path.display().to_string(), found, known: CURRENT })
        }
        Some(_) | None => Ok(()),
    }
}

/// Marks the store as of this layout.
pub(super) fn mark(write: &redb::WriteTransaction) -> Result<(), StoreError> {
    let mut table = write.open_table(LAYOUT).map_err(storage)?;
    let is_marked = table.get(NAME).map_err(storage)?.is_some_and(|found| found.value() == CURRENT);
    if !is_marked {
        table.insert(NAME, CURRENT).map_err(storage)?;
    }
    Ok(())
}
