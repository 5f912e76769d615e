//! Shortens lines. The program `larder` uses these functions as well.

/// Shortens a line to at most `limit` characters.
#[must_use]
pub fn cut(line: &str, limit: usize) -> String {
    match line.char_indices().nth(limit) {
        None => line.to_owned(),
        Some(_) => line.chars().take(limit.saturating_sub(1)).chain(['…']).collect(),
    }
}

/// Shortens texts to at most `limit` characters in all, with two between them. Long texts get the room that short texts
/// leave.
#[must_use]
pub fn cut_fairly(mut texts: Vec<String>, limit: usize) -> Vec<String> {
    let mut order: Vec<usize> = (0..texts.len()).collect();
    order.sort_by_key(|index| texts[*index].chars().count());
    let mut left = limit.saturating_sub(2 * texts.len().saturating_sub(1));
    for (done, index) in order.into_iter().enumerate() {
        let share = left / (texts.len() - done);
        texts[index] = cut(&texts[index], share.max(1));
        left = left.saturating_sub(texts[index].chars().count());
    }
    texts
}
