use std::io::{self, BufRead, Read, Write};

use crate::format::compress::method::Method;
use crate::format::compress::multi_member::filler::Filler;
use crate::format::compress::multi_member::format::{MemberDecoder, MemberEncoder, MemberEnd, MemberFormat};
use crate::format::compress::multi_member::whole::Whole;
use crate::format::compress::multi_member::writer;
use crate::format::compress::select;

/// Makes bytes that can't be compressed.
fn noise(len: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    std::iter::repeat_with(&mut next).flatten().take(len).collect()
}

fn write(format: &'static dyn MemberFormat, level: i32, threads: usize, content: &[u8]) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut writer = writer::new(format, level, Some(threads), Box::new(&mut bytes))?;
    for piece in content.chunks(100_001) {
        writer.write_all(piece)?;
    }
    writer.finish()?;
    Ok(bytes)
}

/// If members were not found, decompression would only be slower, which no other test notices.
#[test]
fn every_member_is_decompressed_by_another_thread() {
    for method in Method::ALL {
        let Some(format) = select::built_in(method).and_then(|backend| backend.member_format()) else { continue };
        let (name, level) = (method.facts().name, *method.facts().levels.start());
        let content = noise(format.segment(level) * 5 / 2);
        let bytes = write(format, level, 3, &content).unwrap();
        assert!(bytes == write(format, level, 1, &content).unwrap(), "{name}");

        let mut source = bytes.as_slice();
        let mut whole = Whole::new(format, name, 2, &mut source).unwrap();
        let mut back = vec![0; content.len()];
        whole.read_exact(&mut back).unwrap();
        assert!(back == content, "{name}");
        assert!(!whole.is_alone(), "{name}");
        whole.expect_end().unwrap();
        // A read after the end fails as it does with one thread.
        assert_eq!(whole.read(&mut [0]).unwrap_err().kind(), io::ErrorKind::UnexpectedEof, "{name}");
        assert!(whole.is_alone(), "{name}");
    }
}

/// Format that fails at level 1 and panics at level 2, at a byte 7.
struct Faulty;

struct FaultyEncoder<'w> {
    level: i32,
    target: Box<dyn Write + 'w>,
}

impl MemberFormat for Faulty {
    fn segment(&self, _: i32) -> usize {
        1000
    }

    fn encoder_memory(&self, _: i32) -> usize {
        1
    }

    fn encoder<'w>(
        &self,
        level: i32,
        _: Option<u64>,
        target: Box<dyn Write + 'w>,
    ) -> io::Result<Box<dyn MemberEncoder<'w> + 'w>> {
        Ok(Box::new(FaultyEncoder { level, target }))
    }

    fn decoder<'r>(&self, _: Box<dyn BufRead + 'r>, _: usize) -> io::Result<Box<dyn MemberDecoder<'r> + 'r>> {
        Err(io::Error::other("no decoder"))
    }

    fn filler(&self) -> Filler {
        Filler::Zeros(1)
    }

    fn largest(&self) -> usize {
        1000
    }

    fn find_end(&self, _: &[u8], _: &mut usize) -> MemberEnd {
        MemberEnd::Unknown
    }
}

impl Write for FaultyEncoder<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match (bytes.contains(&7), self.level) {
            (true, 1) => Err(io::Error::other("a seven was refused")),
            (true, 2) => panic!("a seven was met"),
            _ => self.target.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'w> MemberEncoder<'w> for FaultyEncoder<'w> {
    fn finish(self: Box<Self>, _: bool) -> io::Result<Box<dyn Write + 'w>> {
        Ok(self.target)
    }
}

#[test]
fn a_failure_in_another_thread_is_an_error() {
    for place in [0, 5_500, 19_999] {
        let mut content = vec![0; 20_000];
        assert_eq!(write(&Faulty, 1, 3, &content).unwrap(), content);
        content[place] = 7;
        for (level, message) in [(1, "a seven was refused"), (2, "a seven was met")] {
            let error = write(&Faulty, level, 3, &content).unwrap_err();
            assert!(error.to_string().contains(message), "{error}");
        }
    }
    // Dropped without `finish`, while threads work.
    let mut writer = writer::new(&Faulty, 0, Some(3), Box::new(Vec::new())).unwrap();
    writer.write_all(&[0; 10_000]).unwrap();
    drop(writer);
}
