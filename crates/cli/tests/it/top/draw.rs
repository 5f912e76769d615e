//! A screen as a picture.

use std::fmt::Write as _;

use vt100::{Cell, Color, Screen};

/// The size of a character in pixels.
const WIDTH: f64 = 8.43;
const HEIGHT: f64 = 18.0;

/// The space around the screen, and above it.
const MARGIN: f64 = 16.0;
const BAR: f64 = 34.0;

const PAPER: &str = "#16181d";
const INK: &str = "#d7dae0";

/// The sixteen colours of a terminal.
const COLOURS: [&str; 16] = [
    "#16181d", "#f07178", "#9fd67a", "#f2c56b", "#6fa8f0", "#c792ea", "#5fcfd0", "#d7dae0", "#6b7280", "#f07178",
    "#9fd67a", "#f2c56b", "#6fa8f0", "#c792ea", "#5fcfd0", "#ffffff",
];

/// Draws the screen as SVG.
pub(super) fn svg(screen: &Screen, title: &str) -> String {
    let (rows, columns) = screen.size();
    let (width, height) = (f64::from(columns) * WIDTH + 2.0 * MARGIN, f64::from(rows) * HEIGHT + MARGIN + BAR);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" width=\"{width:.0}\" \
         font-family=\"ui-monospace, 'SF Mono', Menlo, 'DejaVu Sans Mono', Consolas, monospace\" font-size=\"14\">\n\
         <rect width=\"100%\" height=\"100%\" rx=\"9\" fill=\"{PAPER}\"/>\n"
    );
    for (index, colour) in ["#f07178", "#f2c56b", "#9fd67a"].iter().enumerate() {
        writeln!(svg, "<circle cx=\"{}\" cy=\"16\" r=\"5.5\" fill=\"{colour}\"/>", 20 + 18 * index).unwrap();
    }
    writeln!(
        svg,
        "<text x=\"50%\" y=\"21\" text-anchor=\"middle\" font-size=\"13\" fill=\"{}\">{title}</text>",
        COLOURS[8]
    )
    .unwrap();
    for row in 0..rows {
        let mut column = 0;
        while column < columns {
            column += run(screen, row, column, columns, &mut svg);
        }
    }
    svg + "</svg>\n"
}

/// Writes the cells from here on that have the same style. Returns how many there are.
fn run(screen: &Screen, row: u16, start: u16, columns: u16, svg: &mut String) -> u16 {
    let look = |column| screen.cell(row, column).map(look);
    let end = (start..columns).find(|column| look(*column) != look(start)).unwrap_or(columns);
    let Some((ink, paper, bold)) = look(start) else { return 1 };
    let text: String = (start..end)
        .filter_map(|column| screen.cell(row, column))
        .map(|cell| if cell.has_contents() { cell.contents() } else { " " })
        .collect();
    let (x, y) = (MARGIN + f64::from(start) * WIDTH, BAR + f64::from(row) * HEIGHT);
    let width = f64::from(end - start) * WIDTH;
    if paper != PAPER {
        writeln!(
            svg,
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{HEIGHT}\" \
             shape-rendering=\"crispEdges\" fill=\"{paper}\"/>"
        )
        .unwrap();
    }
    if !text.trim().is_empty() {
        let text = text.replace('&', "&amp;").replace('<', "&lt;").replace(' ', "\u{a0}");
        let weight = if bold { " font-weight=\"600\"" } else { "" };
        writeln!(
            svg,
            "<text x=\"{x:.1}\" y=\"{:.1}\" textLength=\"{width:.1}\" fill=\"{ink}\"{weight}>{text}</text>",
            y + 13.5
        )
        .unwrap();
    }
    end - start
}

/// Returns the colours of a cell, and whether it is bold.
fn look(cell: &Cell) -> (String, String, bool) {
    let colour = |colour, other: &str| match colour {
        Color::Default => other.to_owned(),
        Color::Idx(index) => COLOURS[usize::from(index) % 16].to_owned(),
        Color::Rgb(red, green, blue) => format!("#{red:02x}{green:02x}{blue:02x}"),
    };
    let (ink, paper) = (colour(cell.fgcolor(), INK), colour(cell.bgcolor(), PAPER));
    if cell.inverse() { (paper, ink, cell.bold()) } else { (ink, paper, cell.bold()) }
}
