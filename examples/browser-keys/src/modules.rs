//! What the page's scripts load: our own files, and those few of the installed packages that they
//! import. Nothing else in `node_modules` can be asked for.

use std::{
    collections::HashMap,
    fmt, fs,
    path::{Path, PathBuf},
    sync::Arc,
};

/// Where `npm ci` puts the packages.
const PACKAGES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/node_modules");

/// Address below `/modules`, and file below [`PACKAGES`]. The ones of msgpack import each other by
/// these names.
const FOREIGN: [(&str, &str); 15] = [
    ("tweetnacl.js", "tweetnacl/nacl-fast.min.js"),
    ("uqr.mjs", "uqr/dist/index.mjs"),
    ("msgpack/encode.mjs", "@msgpack/msgpack/dist.esm/encode.mjs"),
    ("msgpack/decode.mjs", "@msgpack/msgpack/dist.esm/decode.mjs"),
    (
        "msgpack/Encoder.mjs",
        "@msgpack/msgpack/dist.esm/Encoder.mjs",
    ),
    (
        "msgpack/Decoder.mjs",
        "@msgpack/msgpack/dist.esm/Decoder.mjs",
    ),
    (
        "msgpack/DecodeError.mjs",
        "@msgpack/msgpack/dist.esm/DecodeError.mjs",
    ),
    (
        "msgpack/ExtData.mjs",
        "@msgpack/msgpack/dist.esm/ExtData.mjs",
    ),
    (
        "msgpack/ExtensionCodec.mjs",
        "@msgpack/msgpack/dist.esm/ExtensionCodec.mjs",
    ),
    (
        "msgpack/CachedKeyDecoder.mjs",
        "@msgpack/msgpack/dist.esm/CachedKeyDecoder.mjs",
    ),
    (
        "msgpack/timestamp.mjs",
        "@msgpack/msgpack/dist.esm/timestamp.mjs",
    ),
    (
        "msgpack/utils/utf8.mjs",
        "@msgpack/msgpack/dist.esm/utils/utf8.mjs",
    ),
    (
        "msgpack/utils/int.mjs",
        "@msgpack/msgpack/dist.esm/utils/int.mjs",
    ),
    (
        "msgpack/utils/typedArrays.mjs",
        "@msgpack/msgpack/dist.esm/utils/typedArrays.mjs",
    ),
    (
        "msgpack/utils/prettyByte.mjs",
        "@msgpack/msgpack/dist.esm/utils/prettyByte.mjs",
    ),
];

/// Our own, below `/modules/own`.
const OWN: [(&str, &str); 6] = [
    ("own/page.js", include_str!("../web/page.js")),
    ("own/sign_in.js", include_str!("../web/sign_in.js")),
    ("own/keylockr.js", include_str!("../web/keylockr.js")),
    ("own/envelope.js", include_str!("../web/envelope.js")),
    ("own/bytes.js", include_str!("../web/bytes.js")),
    ("own/code.js", include_str!("../web/code.js")),
];

/// All of them, by address.
#[derive(Clone)]
pub(crate) struct Modules(Arc<HashMap<&'static str, String>>);

/// A file of a package is not there.
#[derive(Debug)]
pub(crate) struct Missing(PathBuf);

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} is not there. Install the page's packages first:\n\n    cd {} && npm ci\n",
            self.0.display(),
            env!("CARGO_MANIFEST_DIR")
        )
    }
}

impl Modules {
    /// Reads them once.
    pub(crate) fn load() -> Result<Self, Missing> {
        Self::load_from(Path::new(PACKAGES))
    }

    fn load_from(packages: &Path) -> Result<Self, Missing> {
        let mut modules = HashMap::new();
        for (address, file) in FOREIGN {
            let path = packages.join(file);
            let text = fs::read_to_string(&path).map_err(|_| Missing(path))?;
            modules.insert(address, text);
        }
        modules.extend(OWN.map(|(address, text)| (address, text.to_owned())));
        Ok(Self(Arc::new(modules)))
    }

    /// The script at this address below `/modules`.
    pub(crate) fn get(&self, address: &str) -> Option<String> {
        self.0.get(address).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_the_packages_it_says_what_to_run() {
        let missing = Modules::load_from(Path::new("/nowhere")).err().unwrap();
        assert!(missing.to_string().contains("npm ci"), "{missing}");
    }

    /// What a module of ours imports is listed.
    #[test]
    fn every_import_can_be_loaded() {
        let known: Vec<_> = FOREIGN
            .map(|(address, _)| address)
            .into_iter()
            .chain(OWN.map(|(address, _)| address))
            .map(|address| format!("/modules/{address}"))
            .collect();
        for (file, text) in OWN {
            for line in text.lines().filter(|line| line.starts_with("import ")) {
                let from = line.split('"').nth(1).unwrap();
                let from = from.replacen("./", "/modules/own/", 1);
                assert!(known.contains(&from), "{file}: {line}");
            }
        }
    }
}
