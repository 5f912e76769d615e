//! The space that functions use: a treemap as HTML.

use std::cmp::Reverse;

use larder::__text::{count, duration, number, one_line, size};
use maud::{Markup, html};

use super::data::{Data, Function};
use super::parts::{name, section};
use super::treemap::{Item, Map, Rect, nested, segments};
use crate::output::text::share;

/// The most functions with cells of their own, and the least share of the total that such a function has.
const MOST_CELLS: usize = 60;
const SMALLEST_SHARE: u64 = 250;

/// The number of shades, all of one colour, that tell modules apart.
const SHADES: usize = 5;

/// Levels of nested modules that have shades of their own.
const SHADED_LEVELS: usize = 2;

/// The proportions of the map on a wide screen and on a narrow one. The page stretches it to the room it has.
const WIDE: Rect = Rect { x: 0.0, y: 0.0, width: 1000.0, height: 420.0 };
const NARROW: Rect = Rect { x: 0.0, y: 0.0, width: 340.0, height: 420.0 };

pub(crate) fn space(data: &Data) -> Markup {
    let cells = cells(&data.functions);
    if cells.is_empty() {
        return html! {};
    }
    let total: u64 = data.functions.iter().map(|function| function.bytes).sum();
    let items: Vec<Item<'_>> = cells.iter().map(|cell| Item { path: cell.path.clone(), size: cell.bytes }).collect();
    let content = html! {
        p.note { "Each area is a function, within its module. Its size is in proportion to the bytes of its entries." }
        @for (shape, within) in [("wide", WIDE), ("narrow", NARROW)] {
            (map(shape, &cells, &nested(&items, within), within, total))
        }
    };
    section("space", "Where the space goes", &content)
}

struct Cell<'g> {
    path: Vec<&'g str>,
    bytes: u64,
    what: What<'g>,
    /// The shade of its module.
    shade: Option<usize>,
}

enum What<'g> {
    /// A function, and its row in the table.
    Function(&'g Function, usize),
    /// The number of smaller functions.
    Others(u64),
}

/// Returns the functions that are large enough, largest first, and all others as one cell.
fn cells(functions: &[Function]) -> Vec<Cell<'_>> {
    let total: u64 = functions.iter().map(|function| function.bytes).sum();
    let mut order: Vec<usize> = (0..functions.len()).filter(|index| functions[*index].bytes > 0).collect();
    order.sort_by_key(|index| Reverse(functions[*index].bytes));
    let large = order.iter().take(MOST_CELLS).take_while(|index| functions[**index].bytes >= total / SMALLEST_SHARE);
    let large = large.count();
    // A single small function needs no more room than a cell for others.
    let shown = if order.len() - large == 1 { order.len() } else { large };
    let (shown, others) = order.split_at(shown);
    let mut cells: Vec<Cell<'_>> = shown
        .iter()
        .map(|index| {
            let function = &functions[*index];
            let path = segments(&function.name);
            Cell { path, bytes: function.bytes, what: What::Function(function, *index), shade: None }
        })
        .collect();
    shade(&mut cells);
    if !others.is_empty() {
        let bytes = others.iter().map(|index| functions[*index].bytes).sum();
        cells.push(Cell { path: vec!["others"], bytes, what: What::Others(others.len() as u64), shade: None });
    }
    cells
}

/// Sets the shade of each module, at the level where the paths first differ.
fn shade(cells: &mut [Cell<'_>]) {
    let Some(first) = cells.first().map(|cell| cell.path.clone()) else { return };
    let common_with = |path: &[&str]| first.iter().zip(path).take_while(|(a, b)| a == b).count();
    let common = cells.iter().map(|cell| common_with(&cell.path)).min().unwrap_or(0);
    let mut modules = Vec::new();
    for cell in cells {
        let end = (cell.path.len() - 1).min(common + SHADED_LEVELS).max(common);
        let module = cell.path.get(common..end).unwrap_or_default().to_vec();
        let known = modules.iter().position(|known| *known == module);
        cell.shade = Some(known.unwrap_or(modules.len()) % SHADES);
        if known.is_none() {
            modules.push(module);
        }
    }
}

fn map(shape: &str, cells: &[Cell<'_>], map: &Map, within: Rect, total: u64) -> Markup {
    html! {
        div.map.(shape) {
            ul {
                @for (cell, rect) in cells.iter().zip(&map.cells) {
                    @let text = text(cell, total);
                    li style=(place(rect, within)) {
                        a.cell.(class(cell)) href=(target(cell)) title=(text) aria-label=(text.replace('\n', ", ")) data-bytes=(cell.bytes) {
                            span.label {
                                @match cell.what {
                                    What::Function(function, _) => (name(&function.name)),
                                    What::Others(_) => "others",
                                }
                                span.size { (size(cell.bytes)) }
                            }
                        }
                    }
                }
            }
            // Outlines of the modules, above the cells.
            @for (rect, depth) in &map.groups {
                div.module.outer[*depth == 0] style=(place(rect, within)) aria-hidden="true" {}
            }
        }
    }
}

fn text(cell: &Cell<'_>, total: u64) -> String {
    let part = format!("{}, {} of all", size(cell.bytes), share(cell.bytes, total));
    match cell.what {
        What::Others(functions) => format!("{}\n{part}", count(functions, "smaller function", "smaller functions")),
        What::Function(function, _) => {
            let Function { entries, stats, .. } = function;
            let did = format!("{} hits, {} computed", number(stats.hits), number(stats.misses));
            let entries = count(*entries, "entry", "entries");
            format!("{}\n{part}\n{entries}\n{did}\n{} saved", one_line(&function.name), duration(stats.saved))
        }
    }
}

/// Returns the link to the details.
fn target(cell: &Cell<'_>) -> String {
    match cell.what {
        What::Function(_, row) => format!("#function-{row}"),
        What::Others(_) => "#functions".to_owned(),
    }
}

fn class(cell: &Cell<'_>) -> String {
    cell.shade.map_or_else(|| "others".to_owned(), |shade| format!("shade-{shade}"))
}

fn place(rect: &Rect, within: Rect) -> String {
    let percent = |part: f64, all: f64| part / all * 100.0;
    format!(
        "left:{:.4}%;top:{:.4}%;width:{:.4}%;height:{:.4}%",
        percent(rect.x, within.width),
        percent(rect.y, within.height),
        percent(rect.width, within.width),
        percent(rect.height, within.height)
    )
}
