//! For a name that nobody knows: the known one that was probably meant.

/// How the sentence about an unknown name goes on: the closest known name or all of them, or else the list to add it to.
pub(super) fn suggestion<'a>(unknown: &str, known: impl Iterator<Item = &'a str> + Clone, list: &str) -> String {
    let closest = known
        .clone()
        .map(|name| (distance(unknown, name), name))
        .filter(|(distance, name)| *distance <= (unknown.len().max(name.len()) / 3).max(1))
        .min_by_key(|(distance, _)| *distance);
    if let Some((_, name)) = closest {
        return format!("did you mean `{name}`? If not, declare it in `{list}`");
    }
    let all: Vec<String> = known.map(|name| format!("`{name}`")).collect();
    let declare = format!("declare it in `{list}`");
    if all.is_empty() { declare } else { format!("use one of {}, or {declare}", all.join(", ")) }
}

/// Levenshtein's distance. Names are ASCII and at most 64 bytes long.
fn distance(left: &str, right: &str) -> usize {
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in right.bytes().enumerate() {
            let substituted = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[right.len()]
}
