//! Values as text.

use std::fmt::{self, Write as _};

use crate::format::value::tree::{NumberArray, Value};

/// Characters of a line; what is longer is broken.
const WIDTH: usize = 100;

/// On one line; with `{:#}`, on as many as it needs.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if f.alternate() {
            return f.write_str(&broken(self, 0));
        }
        match self {
            Value::Unit => f.write_str("()"),
            Value::None => f.write_str("None"),
            Value::Some(value) => write!(f, "Some({value})"),
            Value::Bool(value) => write!(f, "{value}"),
            Value::Unsigned(value) => write!(f, "{value}"),
            Value::Negative(value) => write!(f, "{value}"),
            Value::F32(value) => write!(f, "{value:?}"),
            Value::F64(value) => write!(f, "{value:?}"),
            Value::Char(value) => write!(f, "{value:?}"),
            Value::Text { text, omitted: 0 } => write!(f, "{text:?}"),
            Value::Text { text, omitted } => write!(f, "{text:?}… {omitted} more bytes"),
            Value::Bytes { bytes, omitted } => {
                write!(f, "{} bytes: ", bytes.len() as u64 + omitted)?;
                bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
                f.write_str(if *omitted > 0 { "…" } else { "" })
            }
            Value::Seq { items, omitted } => {
                let mut list = List::begin(f, '[')?;
                items.iter().try_for_each(|item| list.item(|f| write!(f, "{item}")))?;
                list.end(*omitted, ']')
            }
            Value::Map { pairs, omitted } => {
                let mut list = List::begin(f, '{')?;
                pairs.iter().try_for_each(|(key, value)| list.item(|f| write!(f, "{}: {value}", Key(key))))?;
                list.end(*omitted, '}')
            }
            Value::Numbers(array) if array.whole => write!(f, "{}", array.corner),
            Value::Numbers(array) => {
                let corner = array.corner.to_string();
                write!(f, "{}, … {}]", corner.strip_suffix(']').unwrap_or(&corner), Likeness(array))
            }
        }
    }
}

/// Items with commas between them.
struct List<'f, 'b> {
    f: &'f mut fmt::Formatter<'b>,
    first: bool,
}

impl<'f, 'b> List<'f, 'b> {
    fn begin(f: &'f mut fmt::Formatter<'b>, bracket: char) -> Result<Self, fmt::Error> {
        f.write_char(bracket)?;
        Ok(List { f, first: true })
    }

    fn item(&mut self, write: impl FnOnce(&mut fmt::Formatter<'_>) -> fmt::Result) -> fmt::Result {
        if !std::mem::take(&mut self.first) {
            self.f.write_str(", ")?;
        }
        write(self.f)
    }

    fn end(mut self, omitted: u64, bracket: char) -> fmt::Result {
        if omitted > 0 {
            self.item(|f| write!(f, "… {omitted} more"))?;
        }
        self.f.write_char(bracket)
    }
}

/// A key of a map: a name as in a struct, if it can be one.
struct Key<'v>(&'v Value);

impl fmt::Display for Key<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Value::Text { text, omitted: 0 } if is_name(text) => f.write_str(text),
            key => write!(f, "{key}"),
        }
    }
}

fn is_name(text: &str) -> bool {
    !text.is_empty()
        && !text.starts_with(|c: char| c.is_ascii_digit())
        && text.chars().all(|c| c.is_alphanumeric() || c == '_')
}

/// What an array of numbers is like: `f64 × 1797 × 64, from 0.0 to 1.0, mean 0.3`.
struct Likeness<'a>(&'a NumberArray);

impl fmt::Display for Likeness<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let NumberArray { kind, shape, min, mean, max, nan, .. } = self.0;
        f.write_str(kind)?;
        shape.iter().try_for_each(|len| write!(f, " × {len}"))?;
        if let (Some(min), Some(mean), Some(max)) = (min, mean, max) {
            match kind.starts_with('f') {
                true => write!(f, ", from {min:?} to {max:?}, mean {mean:?}")?,
                false => write!(f, ", from {min} to {max}, mean {mean}")?,
            }
        }
        if *nan > 0 {
            write!(f, ", {nan} of them NaN")?;
        }
        Ok(())
    }
}

/// A value on as many lines as it needs, of which all but the first are indented so far.
fn broken(value: &Value, indent: usize) -> String {
    let line = value.to_string();
    if indent + line.chars().count() <= WIDTH {
        return line;
    }
    let inner = indent + 2;
    match value {
        Value::Some(value) => format!("Some({})", broken(value, indent)),
        Value::Seq { items, omitted } => {
            lines('[', ']', indent, *omitted, items.iter().map(|item| broken(item, inner)))
        }
        Value::Map { pairs, omitted } => {
            let pair = |(key, value): &(Value, Value)| format!("{}: {}", Key(key), broken(value, inner));
            lines('{', '}', indent, *omitted, pairs.iter().map(pair))
        }
        Value::Numbers(array) if array.whole => broken(&array.corner, indent),
        Value::Numbers(array) => {
            let corner = match &array.corner {
                Value::Seq { items, .. } => items.iter().map(|item| broken(item, inner)).collect::<Vec<_>>(),
                other => vec![other.to_string()],
            };
            lines('[', ']', indent, 0, corner.into_iter().chain([format!("… {}", Likeness(array))]))
        }
        _ => line,
    }
}

fn lines(open: char, close: char, indent: usize, omitted: u64, items: impl Iterator<Item = String>) -> String {
    let margin = " ".repeat(indent + 2);
    let mut text = format!("{open}\n");
    for item in items {
        let _ = writeln!(text, "{margin}{item},");
    }
    if omitted > 0 {
        let _ = writeln!(text, "{margin}… {omitted} more");
    }
    text + &" ".repeat(indent) + &close.to_string()
}
