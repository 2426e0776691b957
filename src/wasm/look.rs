//! A look at a module before it is compiled: whether it is one, of no more than what modules here may have, and whether it
//! calls nothing that it was not given.

use wasmparser::{Parser, Payload, Validator, WasmFeatures};

use crate::sandbox::module::{INTERFACE, Import};

/// As many functions as a module may have: what bounds the compiler's work beside the module's size.
const MOST_FUNCTIONS: u32 = 50_000;

/// What compilers write today without being asked to. No threads, no second memory, no 64-bit one, no garbage collection, no
/// exceptions, no components.
const FEATURES: WasmFeatures = WasmFeatures::MUTABLE_GLOBAL
    .union(WasmFeatures::SATURATING_FLOAT_TO_INT)
    .union(WasmFeatures::SIGN_EXTENSION)
    .union(WasmFeatures::REFERENCE_TYPES)
    .union(WasmFeatures::MULTI_VALUE)
    .union(WasmFeatures::BULK_MEMORY)
    .union(WasmFeatures::SIMD)
    .union(WasmFeatures::FLOATS);

/// Whether this module may be run with these imports.
///
/// # Errors
/// What it is or calls that it may not.
pub fn fits(bytes: &[u8], granted: &[Import]) -> Result<(), String> {
    if bytes.starts_with(b"(") || !Parser::is_core_wasm(bytes) {
        return Err("is no module of WebAssembly".to_owned());
    }
    let broken = |error: wasmparser::BinaryReaderError| format!("is no module that may run: {error}");
    for payload in Parser::new(0).parse_all(bytes) {
        let payload = payload.map_err(broken)?;
        if let Payload::FunctionSection(functions) = &payload
            && functions.count() > MOST_FUNCTIONS
        {
            return Err(format!("has more than {MOST_FUNCTIONS} functions"));
        }
        if let Payload::ImportSection(imports) = payload {
            for import in imports.into_imports() {
                let import = import.map_err(broken)?;
                is_granted(import.module, import.name, granted)?;
            }
        }
    }
    Validator::new_with_features(FEATURES).validate_all(bytes).map(drop).map_err(broken)
}

fn is_granted(interface: &str, name: &str, granted: &[Import]) -> Result<(), String> {
    let (shown, name) =
        (format!("{interface}.{name}"), Import::read(name).filter(|_| interface == INTERFACE));
    let shown = shown.escape_debug();
    match name {
        None => Err(format!("imports {shown}, and there is nothing of that name here")),
        Some(import) if granted.contains(&import) => Ok(()),
        Some(import) => {
            Err(format!("imports {shown}, which imports does not grant: \"{}\" in it does", import.as_str()))
        }
    }
}
