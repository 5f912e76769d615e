//! A squarified treemap, after Bruls, Huizing and van Wijk: rectangles whose areas are in proportion to sizes.

use std::cmp::Reverse;

/// Levels of nested groups. Below this level, items are no longer grouped.
const DEEPEST: usize = 12;

/// A rectangle of the map.
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

/// An item with its size, and the names of its groups, from the outermost one, then its own.
pub(crate) struct Item<'n> {
    pub(crate) path: Vec<&'n str>,
    pub(crate) size: u64,
}

/// The layout of items and groups.
#[derive(Debug, Default)]
pub(crate) struct Map {
    /// One rectangle for each item, in their order. Its area is zero if the size is.
    pub(crate) cells: Vec<Rect>,
    /// The groups with several items, outer groups first, and the depth of each.
    pub(crate) groups: Vec<(Rect, usize)>,
}

/// Lays out items within their groups.
pub(crate) fn nested(items: &[Item<'_>], within: Rect) -> Map {
    let mut map = Map { cells: vec![Rect::default(); items.len()], groups: Vec::new() };
    let all: Vec<usize> = (0..items.len()).collect();
    lay_out(items, &all, 0, 0, within, &mut map);
    map
}

/// Lays out items that are in the same groups down to `depth`. Of those groups, `shown` are in the map.
fn lay_out(items: &[Item<'_>], these: &[usize], depth: usize, shown: usize, within: Rect, map: &mut Map) {
    // An item whose path ends here is a group of its own, even if a module has the same name.
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
        return lay_out(items, only, depth + 1, shown, within, map);
    }
    let sizes: Vec<u64> = groups.iter().map(|group| total(items, group)).collect();
    for (group, rect) in groups.into_iter().zip(squarified(&sizes, within)) {
        match group {
            [item] => map.cells[*item] = rect,
            _ => {
                map.groups.push((rect, shown));
                lay_out(items, group, depth + 1, shown + 1, rect, map);
            }
        }
    }
}

fn total(items: &[Item<'_>], these: &[usize]) -> u64 {
    these.iter().fold(0, |sum, item| sum.saturating_add(items[*item].size))
}

/// Returns one rectangle for each size, in their order, each as near to a square as possible.
pub(crate) fn squarified(sizes: &[u64], within: Rect) -> Vec<Rect> {
    let mut rects = vec![Rect { width: 0.0, height: 0.0, ..within }; sizes.len()];
    let mut order: Vec<usize> = (0..sizes.len()).filter(|index| sizes[*index] > 0).collect();
    order.sort_by_key(|index| Reverse(sizes[*index]));
    let total: f64 = order.iter().map(|index| sizes[*index] as f64).sum();
    let area = |index: &usize| sizes[*index] as f64 / total * within.area();
    let mut free = within;
    let mut rest = &order[..];
    while let [first, ..] = rest {
        // Rounding may leave no room for tiny sizes.
        if free.area() <= 0.0 {
            break;
        }
        let side = free.width.min(free.height);
        // Adds cells to a row along the shorter side while that makes the worst aspect ratio no worse.
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
        // The last row gets what rounding leaves.
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

/// Returns the worst aspect ratio in a row, from its largest and smallest area, the sum of all, and the side.
fn worst(largest: f64, smallest: f64, sum: f64, side: f64) -> f64 {
    let (sum, side) = (sum * sum, side * side);
    (side * largest / sum).max(sum / (side * smallest))
}

/// Splits the name of a function at each `::` outside of angle brackets.
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
