pub fn original(n: u64) -> u64 {
    n + 20
}
