pub fn value(n: u64) -> u64 {
    if cfg!(debug_assertions) { n } else { n + 1 }
}
