//! Names of arguments that don't exist, and arguments that can't be memoized.

use larder::memoize;
use std::path::Path;

#[memoize(ignore(nam))]
fn ignored_unknown(name: &str, verbose: bool) -> u8 {
    name.len() as u8 + verbose as u8
}

#[memoize(ignore(n))]
fn nothing_to_ignore() -> u8 {
    1
}

#[memoize(ignore(a))]
fn patterns_have_no_name((a, b): (u8, u8)) -> u8 {
    a + b
}

#[memoize(ignore)]
fn ignore_without_names(n: u8) -> u8 {
    n
}

#[memoize(ignore())]
fn ignore_nothing(n: u8) -> u8 {
    n
}

#[memoize(ignore("n"))]
fn ignore_text(n: u8) -> u8 {
    n
}

#[memoize(key(pth = path.file_name()))]
fn keyed_unknown(path: &Path) -> u8 {
    path.as_os_str().len() as u8
}

#[memoize(key(path))]
fn keyed_by_nothing(path: &Path) -> u8 {
    path.as_os_str().len() as u8
}

#[memoize(key = path)]
fn keyed_without_parentheses(path: &Path) -> u8 {
    path.as_os_str().len() as u8
}

#[memoize(key(path = 1), ignore(path))]
fn keyed_and_ignored(path: &Path) -> u8 {
    path.as_os_str().len() as u8
}

#[memoize(key(path = 1, path = 2))]
fn keyed_twice(path: &Path) -> u8 {
    path.as_os_str().len() as u8
}

#[memoize]
fn changes_its_argument(list: &mut Vec<u8>) -> u8 {
    list.pop().unwrap_or(0)
}

#[memoize(key(list = 1))]
fn changes_its_keyed_argument(list: &mut Vec<u8>) -> u8 {
    list.pop().unwrap_or(0)
}

struct Counter(u8);

impl Counter {
    #[memoize]
    fn count(&mut self) -> u8 {
        self.0 += 1;
        self.0
    }
}

#[memoize]
fn not_always_there(#[cfg(unix)] n: u8) -> u8 {
    n
}

fn main() {
    ignored_unknown("", true) + nothing_to_ignore() + patterns_have_no_name((1, 2)) + ignore_without_names(1);
    ignore_nothing(1) + ignore_text(1) + keyed_unknown("".as_ref()) + keyed_by_nothing("".as_ref());
    keyed_without_parentheses("".as_ref()) + keyed_and_ignored("".as_ref()) + keyed_twice("".as_ref());
    changes_its_argument(&mut vec![]) + changes_its_keyed_argument(&mut vec![]) + Counter(1).count();
}
