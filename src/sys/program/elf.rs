//! Reads the build id of an ELF file: the note `NT_GNU_BUILD_ID`, as the System V ABI (gABI, "Note Section") and GNU's
//! linker describe it.

use std::io::{Read, Seek, SeekFrom};

/// Maximum bytes that are read of the program headers, and of each segment of notes. The rest is ignored.
const LONGEST: u64 = 1 << 20;
const PT_NOTE: u32 = 4;
const NT_GNU_BUILD_ID: u32 = 3;
/// Minimum bytes of a build id. The linker hashes the content to 20 bytes with SHA-1, the default, or to 16 with MD5. A
/// shorter id may have been chosen manually (`--build-id=0x…`).
const SHORTEST: usize = 16;

/// Returns the build id; `None` if this is not an ELF file, or if it has none.
pub(super) fn build_id(file: &mut (impl Read + Seek)) -> Option<Vec<u8>> {
    let header = read(file, 0, 64)?;
    if !header.starts_with(b"\x7fELF") {
        return None;
    }
    let is_64 = header[4] == 2;
    let number = Number { is_little: header[5] == 1 };
    let (offset, size, count) = if is_64 {
        (number.u64(&header, 32)?, number.u16(&header, 54)?, number.u16(&header, 56)?)
    } else {
        (number.u32(&header, 28)?.into(), number.u16(&header, 42)?, number.u16(&header, 44)?)
    };
    let table = read(file, offset, u64::from(size) * u64::from(count))?;
    table.chunks_exact(usize::from(size).max(1)).find_map(|entry| {
        if number.u32(entry, 0)? != PT_NOTE {
            return None;
        }
        let (offset, length) = if is_64 {
            (number.u64(entry, 8)?, number.u64(entry, 32)?)
        } else {
            (number.u32(entry, 4)?.into(), number.u32(entry, 16)?.into())
        };
        id_among(&read(file, offset, length)?, &number)
    })
}

/// Returns the build id among notes, each padded to four bytes.
fn id_among(mut notes: &[u8], number: &Number) -> Option<Vec<u8>> {
    while !notes.is_empty() {
        let name_length = usize::try_from(number.u32(notes, 0)?).ok()?;
        let length = usize::try_from(number.u32(notes, 4)?).ok()?;
        let kind = number.u32(notes, 8)?;
        let name_end = 12_usize.checked_add(name_length)?;
        let start = name_end.checked_next_multiple_of(4)?;
        let end = start.checked_add(length)?;
        let id = notes.get(start..end)?;
        if kind == NT_GNU_BUILD_ID && notes.get(12..name_end)? == b"GNU\0" && length >= SHORTEST {
            return Some(id.to_vec());
        }
        notes = notes.get(end.checked_next_multiple_of(4)?..).unwrap_or_default();
    }
    None
}

fn read(file: &mut (impl Read + Seek), offset: u64, length: u64) -> Option<Vec<u8>> {
    let length = usize::try_from(length.min(LONGEST)).ok()?;
    let mut bytes = vec![0; length];
    file.seek(SeekFrom::Start(offset)).ok()?;
    file.read_exact(&mut bytes).ok()?;
    Some(bytes)
}

struct Number {
    is_little: bool,
}

impl Number {
    fn u16(&self, bytes: &[u8], at: usize) -> Option<u16> {
        let bytes = bytes.get(at..at + 2)?.try_into().ok()?;
        Some(if self.is_little { u16::from_le_bytes(bytes) } else { u16::from_be_bytes(bytes) })
    }

    fn u32(&self, bytes: &[u8], at: usize) -> Option<u32> {
        let bytes = bytes.get(at..at + 4)?.try_into().ok()?;
        Some(if self.is_little { u32::from_le_bytes(bytes) } else { u32::from_be_bytes(bytes) })
    }

    fn u64(&self, bytes: &[u8], at: usize) -> Option<u64> {
        let bytes = bytes.get(at..at + 8)?.try_into().ok()?;
        Some(if self.is_little { u64::from_le_bytes(bytes) } else { u64::from_be_bytes(bytes) })
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    /// Returns a 64-bit file with one program header, followed by notes.
    fn file_with(notes: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0; 120];
        bytes[..6].copy_from_slice(b"\x7fELF\x02\x01");
        bytes[32] = 64;
        bytes[54] = 56;
        bytes[56] = 1;
        bytes[64] = 4;
        bytes[72] = 120;
        bytes[96] = u8::try_from(notes.len()).unwrap();
        [bytes, notes.to_vec()].concat()
    }

    fn note(kind: u8, id: &[u8]) -> Vec<u8> {
        let mut bytes = vec![4, 0, 0, 0, u8::try_from(id.len()).unwrap(), 0, 0, 0, kind, 0, 0, 0];
        bytes.extend_from_slice(b"GNU\0");
        bytes.extend_from_slice(id);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    }

    #[test]
    fn the_build_id_is_found_among_notes() {
        let id = b"0123456789abcdefghij";
        let notes = [note(5, b"other"), note(3, id)].concat();
        assert_eq!(build_id(&mut Cursor::new(file_with(&notes))).as_deref(), Some(id.as_slice()));
        assert_eq!(build_id(&mut Cursor::new(file_with(&note(3, b"short")))), None);
        assert_eq!(build_id(&mut Cursor::new(file_with(&note(1, id)))), None);
    }

    #[test]
    fn truncated_files_and_other_formats_have_none() {
        let whole = file_with(&note(3, b"0123456789abcdefghij"));
        for length in 0..whole.len() {
            assert_eq!(build_id(&mut Cursor::new(&whole[..length])), None, "{length}");
        }
        assert_eq!(build_id(&mut Cursor::new(vec![b'x'; 500])), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_program_has_one() {
        let path = std::env::current_exe().unwrap();
        assert!(build_id(&mut std::fs::File::open(path).unwrap()).is_some());
    }
}
