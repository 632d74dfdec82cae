//! Documents: values of serde as msgpack, bounded both ways.

use std::io;

use keylockr_proto::MAX_RECORD;
use serde::Serialize;
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use super::error::VaultError;

/// Containers inside each other, at most.
const DEPTH: usize = 64;

/// Writes a value: structs as maps with the names of their fields, which later versions of a
/// program can add to.
pub(super) fn encode<T: Serialize + ?Sized>(
    value: &T,
    limit: usize,
) -> Result<Zeroizing<Vec<u8>>, VaultError> {
    let mut page = Page {
        // All the room at once: a growing buffer leaves copies of the content behind.
        bytes: Zeroizing::new(Vec::with_capacity(limit.min(MAX_RECORD))),
        limit,
        overflowed: false,
    };
    let written = {
        let mut writer = rmp_serde::Serializer::new(&mut page).with_struct_map();
        value.serialize(&mut writer)
    };
    match written {
        Ok(()) => Ok(page.bytes),
        Err(_) if page.overflowed => Err(VaultError::TooLarge {
            length: limit.saturating_add(1),
            limit,
        }),
        Err(_) => Err(VaultError::Encode),
    }
}

/// Reads a value. There must be one and nothing else.
pub(super) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, VaultError> {
    let mut reader = rmp_serde::Deserializer::new(io::Cursor::new(bytes));
    reader.set_max_depth(DEPTH);
    let value = T::deserialize(&mut reader).map_err(|_| VaultError::Decode)?;
    let end = usize::try_from(reader.get_ref().position()).map_err(|_| VaultError::Decode)?;
    if end != bytes.len() {
        return Err(VaultError::Decode);
    }
    Ok(value)
}

/// A buffer that is erased, does not grow, and says when it was too small.
struct Page {
    bytes: Zeroizing<Vec<u8>>,
    limit: usize,
    overflowed: bool,
}

impl io::Write for Page {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        if piece.len() > self.limit.saturating_sub(self.bytes.len()) {
            self.overflowed = true;
            return Err(io::ErrorKind::WriteZero.into());
        }
        self.bytes.extend_from_slice(piece);
        Ok(piece.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;

    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Note {
        title: String,
        lines: Vec<String>,
    }

    fn note() -> Note {
        Note {
            title: "shopping".into(),
            lines: vec!["milk".into()],
        }
    }

    #[test]
    fn fields_are_named() {
        let bytes = encode(&note(), 1000).unwrap();
        assert_eq!(*bytes, b"\x82\xa5title\xa8shopping\xa5lines\x91\xa4milk");
        assert_eq!(decode::<Note>(&bytes), Ok(note()));
    }

    /// A newer program has added a field, and an older one still reads the rest.
    #[test]
    fn unknown_fields_are_passed_over() {
        #[derive(Serialize)]
        struct Newer {
            colour: &'static str,
            title: &'static str,
            lines: Vec<String>,
        }
        let newer = Newer {
            colour: "red",
            title: "shopping",
            lines: vec!["milk".into()],
        };
        assert_eq!(decode(&encode(&newer, 1000).unwrap()), Ok(note()));
    }

    #[test]
    fn what_does_not_fit_is_refused_and_not_cut() {
        let bytes = encode(&note(), 1000).unwrap();
        let limit = bytes.len();
        assert!(encode(&note(), limit).is_ok());
        assert_eq!(
            encode(&note(), limit - 1),
            Err(VaultError::TooLarge {
                length: limit,
                limit: limit - 1
            })
        );
    }

    #[test]
    fn bad_documents_are_refused() {
        let good = encode(&note(), 1000).unwrap();
        let mut trailing = good.to_vec();
        trailing.push(0xc0);
        assert_eq!(decode::<Note>(&trailing), Err(VaultError::Decode));
        for end in 0..good.len() {
            assert_eq!(decode::<Note>(&good[..end]), Err(VaultError::Decode));
        }
        // Four billion lines, declared.
        assert_eq!(
            decode::<Vec<u64>>(b"\xdd\xff\xff\xff\xff"),
            Err(VaultError::Decode)
        );
        assert_eq!(
            decode::<BTreeMap<String, String>>(b"\xdf\xff\xff\xff\xff"),
            Err(VaultError::Decode)
        );
    }

    #[test]
    fn nesting_is_bounded() {
        #[derive(Debug, PartialEq, Serialize, Deserialize)]
        struct Deep(Vec<Deep>);
        let nested = |depth: usize| {
            let mut bytes = vec![0x91; depth];
            bytes.push(0x90);
            bytes
        };
        assert!(decode::<Deep>(&nested(10)).is_ok());
        assert_eq!(decode::<Deep>(&nested(50_000)), Err(VaultError::Decode));
    }
}
