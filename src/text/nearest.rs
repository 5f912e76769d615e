//! The word that was most likely meant.

/// Of these words the one that was most likely meant: at most a third of its letters differ.
pub(crate) fn nearest<'w>(word: &str, words: &[&'w str]) -> Option<&'w str> {
    let distances = words.iter().map(|candidate| (distance(word, candidate), *candidate));
    let (least, nearest) = distances.min_by_key(|(distance, _)| *distance)?;
    // Of the names of variables, the common beginning says nothing.
    let letters = nearest.strip_prefix("LARDER_").unwrap_or(nearest).len();
    (least <= (letters / 3).max(1)).then_some(nearest)
}

/// How many letters must be put in, taken out, replaced or exchanged with the next one to make one word of another.
fn distance(one: &str, other: &str) -> usize {
    let (one, other): (Vec<char>, Vec<char>) =
        (one.to_lowercase().chars().collect(), other.to_lowercase().chars().collect());
    let mut rows = vec![(0..=other.len()).collect::<Vec<usize>>()];
    for i in 1..=one.len() {
        let mut row = vec![i];
        for j in 1..=other.len() {
            let same = one[i - 1] == other[j - 1];
            let mut best = (rows[i - 1][j - 1] + usize::from(!same)).min(rows[i - 1][j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && one[i - 1] == other[j - 2] && one[i - 2] == other[j - 1] {
                best = best.min(rows[i - 2][j - 2] + 1);
            }
            row.push(best);
        }
        rows.push(row);
    }
    rows[one.len()][other.len()]
}
