//! Formats of other programs that larder does not read, by their magics.

/// A known format, and what to do with its files.
pub(crate) struct Foreign {
    magic: &'static [u8],
    pub(crate) name: &'static str,
    pub(crate) advice: &'static str,
}

const UNPACK: &str = "unpack it, and load the files in it";
const OTHER_CRATE: &str = "read it with a crate for this format, and dump the value with larder";
const PYTHON: &str = "load it in Python, and save it in a format that both read, such as NumPy's `.npy` or CBOR";

const KNOWN: [Foreign; 17] = [
    Foreign { magic: b"LZIP", name: "an lzip file", advice: "decompress it with `lzip -dc`" },
    Foreign {
        magic: b"\x02\x21\x4c\x18",
        name: "an LZ4 file in the legacy format",
        advice: "decompress it with `lz4 -dc`",
    },
    Foreign { magic: b"\x1f\x9d", name: "a file of `compress` (`.Z`)", advice: "decompress it with `gzip -dc`" },
    Foreign { magic: b"7z\xbc\xaf\x27\x1c", name: "a 7z archive", advice: UNPACK },
    Foreign { magic: b"PK\x03\x04", name: "a zip archive", advice: UNPACK },
    Foreign { magic: b"PK\x05\x06", name: "an empty zip archive", advice: UNPACK },
    Foreign { magic: b"\x89LZO\0\r\n\x1a\n", name: "an lzop file", advice: "decompress it with `lzop -dc`" },
    Foreign {
        magic: b"\xff\x06\0\0sNaPpY",
        name: "a framed Snappy stream",
        advice: "decompress it with a tool for Snappy, such as `snzip -dc`",
    },
    Foreign {
        magic: b"LZ4Block",
        name: "a stream of lz4-java's LZ4BlockOutputStream",
        advice: "write it with LZ4FrameOutputStream instead",
    },
    // Protocols 2 to 5. Earlier ones have no magic.
    Foreign { magic: b"\x80\x02", name: "a Python pickle, such as joblib writes", advice: PYTHON },
    Foreign { magic: b"\x80\x03", name: "a Python pickle, such as joblib writes", advice: PYTHON },
    Foreign { magic: b"\x80\x04", name: "a Python pickle, such as joblib writes", advice: PYTHON },
    Foreign { magic: b"\x80\x05", name: "a Python pickle, such as joblib writes", advice: PYTHON },
    Foreign { magic: b"\x93NUMPY", name: "a NumPy file (`.npy`)", advice: OTHER_CRATE },
    Foreign { magic: b"\x89HDF\r\n\x1a\n", name: "an HDF5 file", advice: OTHER_CRATE },
    Foreign { magic: b"PAR1", name: "a Parquet file", advice: OTHER_CRATE },
    Foreign {
        magic: b"\x89LARDER\n",
        name: "an entry of a cache",
        advice: "call the memoized function, or look at it with `larder show`",
    },
];

/// Whether bytes are the beginning of a known format.
pub(crate) enum Match {
    Known(&'static Foreign),
    /// More bytes are needed.
    Later,
    Unknown,
}

/// Compares the first bytes of a file.
pub(crate) fn find(head: &[u8]) -> Match {
    match KNOWN.iter().find(|foreign| head.starts_with(foreign.magic)) {
        Some(foreign) => Match::Known(foreign),
        None if KNOWN.iter().any(|foreign| foreign.magic.starts_with(head)) => Match::Later,
        None => Match::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_magic_begins_as_another_one() {
        for foreign in &KNOWN {
            assert!(matches!(find(foreign.magic), Match::Known(found) if found.name == foreign.name));
            let cut = &foreign.magic[..foreign.magic.len() - 1];
            assert!(matches!(find(cut), Match::Later), "{}", foreign.name);
        }
        assert!(matches!(find(b"LZ5"), Match::Unknown));
    }
}
