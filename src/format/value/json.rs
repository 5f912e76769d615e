//! Values as JSON.

use serde::ser::{Error as _, SerializeMap as _, SerializeSeq as _};
use serde::{Serialize, Serializer};

use crate::format::value::tree::Value;
use crate::text::preview::shorten;

/// Stands at the end of what was cut.
fn left_out(omitted: u64, what: &str) -> String {
    format!("… {omitted} {what} left out")
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Value::Unit | Value::None => serializer.serialize_unit(),
            Value::Some(value) => value.serialize(serializer),
            Value::Bool(value) => serializer.serialize_bool(*value),
            Value::Unsigned(value) => match u64::try_from(*value) {
                Ok(value) => serializer.serialize_u64(value),
                Err(_) => serializer.serialize_str(&value.to_string()),
            },
            Value::Negative(value) => match i64::try_from(*value) {
                Ok(value) => serializer.serialize_i64(value),
                Err(_) => serializer.serialize_str(&value.to_string()),
            },
            Value::F32(value) if value.is_infinite() => serializer.serialize_str(&value.to_string()),
            Value::F64(value) if value.is_infinite() => serializer.serialize_str(&value.to_string()),
            Value::F32(value) => serializer.serialize_f32(*value),
            Value::F64(value) => serializer.serialize_f64(*value),
            Value::Char(value) => serializer.serialize_char(*value),
            Value::Text { text, omitted: 0 } => serializer.serialize_str(text),
            Value::Text { text, omitted } => {
                serializer.serialize_str(&format!("{text}{}", left_out(*omitted, "bytes")))
            }
            Value::Bytes { bytes, omitted } => {
                let mut map = serializer.serialize_map(Some(2))?;
                map.serialize_entry("bytes", &(bytes.len() as u64 + omitted))?;
                map.serialize_entry("hex", &bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>())?;
                map.end()
            }
            Value::Seq { items, omitted } => {
                let mut seq = serializer.serialize_seq(None)?;
                items.iter().try_for_each(|item| seq.serialize_element(item))?;
                if *omitted > 0 {
                    seq.serialize_element(&left_out(*omitted, "elements"))?;
                }
                seq.end()
            }
            Value::Map { pairs, omitted } if pairs.iter().all(|(key, _)| name(key).is_some()) => {
                let mut map = serializer.serialize_map(None)?;
                for (key, value) in pairs {
                    map.serialize_entry(&name(key).ok_or_else(|| S::Error::custom("no name"))?, value)?;
                }
                if *omitted > 0 {
                    map.serialize_entry("…", &left_out(*omitted, "pairs"))?;
                }
                map.end()
            }
            Value::Map { pairs, omitted } => {
                let mut seq = serializer.serialize_seq(None)?;
                pairs.iter().try_for_each(|pair| seq.serialize_element(pair))?;
                if *omitted > 0 {
                    seq.serialize_element(&left_out(*omitted, "pairs"))?;
                }
                seq.end()
            }
            Value::Numbers(array) if array.whole => array.corner.serialize(serializer),
            Value::Numbers(array) => array.serialize(serializer),
        }
    }
}

/// What a key of a map is called in JSON, if it has a name there.
fn name(key: &Value) -> Option<String> {
    Some(match key {
        Value::Text { text, omitted: 0 } => text.clone(),
        // Another text may begin so, too.
        Value::Text { text, omitted } => format!("{}{}", shorten(text, 256), left_out(*omitted, "bytes")),
        Value::Char(value) => value.to_string(),
        Value::Bool(value) => value.to_string(),
        Value::Unsigned(value) => value.to_string(),
        Value::Negative(value) => value.to_string(),
        _ => return None,
    })
}
