//! Rectangles whose areas are in proportion to sizes: a squarified treemap, after Bruls, Huizing and van Wijk.

use std::cmp::Reverse;

/// Modules within modules that get a place of their own; what is below goes by its whole name.
const DEEPEST: usize = 12;

/// A part of the map.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Rect {
    pub(crate) x: f64,
    pub(crate) y: f64,
    pub(crate) width: f64,
    pub(crate) height: f64,
}

impl Rect {
    pub(crate) fn area(&self) -> f64 {
        self.width * self.height
    }
}

/// Something of this size, and the names of the groups that it is in; the last name is its own.
pub(crate) struct Item<'n> {
    pub(crate) path: Vec<&'n str>,
    pub(crate) size: u64,
}

/// Where things are.
#[derive(Debug, Default)]
pub(crate) struct Map {
    /// One for each item, in their order; of no area if it has no size.
    pub(crate) cells: Vec<Rect>,
    /// The groups of more than one item, the outer before the inner, and how deep each is.
    pub(crate) groups: Vec<(Rect, usize)>,
}

/// Items within their groups.
pub(crate) fn nested(items: &[Item<'_>], within: Rect) -> Map {
    let mut map = Map { cells: vec![Rect::default(); items.len()], groups: Vec::new() };
    let all: Vec<usize> = (0..items.len()).collect();
    place(items, &all, 0, 0, within, &mut map);
    map
}

/// Places these items, which are in the same groups down to `depth`; `shown` of these are in the map.
fn place(items: &[Item<'_>], these: &[usize], depth: usize, shown: usize, within: Rect, map: &mut Map) {
    // An item that is at its own name is a group of its own, whatever else has that name.
    let group = |item: usize| match &items[item].path[..] {
        path if depth + 1 < path.len() && depth < DEEPEST => (path[depth], usize::MAX),
        _ => ("", item),
    };
    let mut sorted = these.to_vec();
    sorted.sort_by_key(|item| group(*item));
    let groups: Vec<&[usize]> = sorted.chunk_by(|a, b| group(*a) == group(*b)).collect();
    if let [only] = groups[..]
        && only.len() > 1
    {
        return place(items, only, depth + 1, shown, within, map);
    }
    let sizes: Vec<u64> = groups.iter().map(|group| total(items, group)).collect();
    for (group, rect) in groups.into_iter().zip(squarified(&sizes, within)) {
        match group {
            [item] => map.cells[*item] = rect,
            _ => {
                map.groups.push((rect, shown));
                place(items, group, depth + 1, shown + 1, rect, map);
            }
        }
    }
}

fn total(items: &[Item<'_>], these: &[usize]) -> u64 {
    these.iter().fold(0, |sum, item| sum.saturating_add(items[*item].size))
}

/// One rectangle for each size, in their order, as near to squares as it goes.
pub(crate) fn squarified(sizes: &[u64], within: Rect) -> Vec<Rect> {
    let mut rects = vec![Rect { width: 0.0, height: 0.0, ..within }; sizes.len()];
    let mut order: Vec<usize> = (0..sizes.len()).filter(|index| sizes[*index] > 0).collect();
    order.sort_by_key(|index| Reverse(sizes[*index]));
    let total: f64 = order.iter().map(|index| sizes[*index] as f64).sum();
    let area = |index: &usize| sizes[*index] as f64 / total * within.area();
    let mut free = within;
    let mut rest = &order[..];
    while let [first, ..] = rest {
        // Rounding may leave nothing for what is tiny.
        if free.area() <= 0.0 {
            break;
        }
        let side = free.width.min(free.height);
        // A row along the shorter side grows as long as its worst cell gets no worse.
        let (mut taken, mut sum) = (1, area(first));
        while let Some(next) = rest.get(taken).map(area) {
            if worst(area(first), next, sum + next, side) > worst(area(first), area(&rest[taken - 1]), sum, side) {
                break;
            }
            (taken, sum) = (taken + 1, sum + next);
        }
        let (row, after) = rest.split_at(taken);
        let upright = free.width >= free.height;
        let across = if upright { free.width } else { free.height };
        // What rounding leaves is the last one's.
        let thick = if after.is_empty() { across } else { (sum / side).min(across) };
        let mut done = 0.0;
        for (index, cell) in row.iter().enumerate() {
            let long = if index + 1 == row.len() { side - done } else { area(cell) / sum * side };
            rects[*cell] = if upright {
                Rect { x: free.x, y: free.y + done, width: thick, height: long }
            } else {
                Rect { x: free.x + done, y: free.y, width: long, height: thick }
            };
            done += long;
        }
        if upright {
            (free.x, free.width) = (free.x + thick, free.width - thick);
        } else {
            (free.y, free.height) = (free.y + thick, free.height - thick);
        }
        rest = after;
    }
    rects
}

/// How far from a square the worst cell of a row is, of which the largest and the smallest area are known.
fn worst(largest: f64, smallest: f64, sum: f64, side: f64) -> f64 {
    let (sum, side) = (sum * sum, side * side);
    (side * largest / sum).max(sum / (side * smallest))
}

/// The modules of a function and its own name, at the `::` that are not within angle brackets.
pub(crate) fn segments(name: &str) -> Vec<&str> {
    let mut segments = Vec::new();
    let (mut depth, mut start) = (0_usize, 0);
    for (at, c) in name.char_indices() {
        match c {
            '<' => depth += 1,
            '>' => depth = depth.saturating_sub(1),
            ':' if depth == 0 && at > start && name[at..].starts_with("::") => {
                segments.push(&name[start..at]);
                start = at + 2;
            }
            _ => {}
        }
    }
    segments.push(&name[start.min(name.len())..]);
    segments
}
