//! Results and arguments without the traits that they need.

use larder::memoize;
use serde::{Deserialize, Serialize};

struct Plain;

#[derive(Serialize)]
struct OneWay;

#[derive(Deserialize)]
struct OtherWay;

#[memoize]
fn neither(n: u8) -> Plain {
    let _ = n;
    Plain
}

#[memoize]
fn not_readable(n: u8) -> Vec<OneWay> {
    let _ = n;
    Vec::new()
}

// The error needs no traits.
#[memoize]
fn not_writable(n: u8) -> Result<OtherWay, Plain> {
    let _ = n;
    Ok(OtherWay)
}

#[memoize]
fn argument(plain: &Plain, n: u8) -> u8 {
    let _ = plain;
    n
}

#[memoize(key(plain = plain))]
fn keyed(plain: &Plain, n: u8) -> u8 {
    let _ = plain;
    n
}

impl Plain {
    #[memoize]
    fn method(&self) -> u8 {
        1
    }
}

fn main() {
    neither(1);
    not_readable(1);
    let _ = not_writable(1);
    argument(&Plain, 1) + keyed(&Plain, 1) + Plain.method();
}
