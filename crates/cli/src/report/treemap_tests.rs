//! Tests of the treemap.

use super::treemap::{Item, Rect, nested, segments, squarified};

/// Asserts that areas are in proportion to sizes, within the bounds, and do not overlap.
#[track_caller]
fn assert_fits(sizes: &[u64], rects: &[Rect], within: Rect) {
    assert_eq!(sizes.len(), rects.len());
    let total: f64 = sizes.iter().map(|size| *size as f64).sum();
    let slack = 1e-6 * within.width.max(within.height);
    for (size, rect) in sizes.iter().zip(rects) {
        let expected = if total > 0.0 { *size as f64 / total * within.area() } else { 0.0 };
        assert!((rect.area() - expected).abs() <= within.area() * 1e-9, "{size}: {rect:?}, not {expected}");
        assert!(rect.width >= 0.0 && rect.height >= 0.0, "{rect:?}");
        assert!(rect.x >= within.x - slack && rect.x + rect.width <= within.x + within.width + slack, "{rect:?}");
        assert!(rect.y >= within.y - slack && rect.y + rect.height <= within.y + within.height + slack, "{rect:?}");
    }
    for (index, a) in rects.iter().enumerate() {
        for b in &rects[index + 1..] {
            let wide = (a.x + a.width).min(b.x + b.width) - a.x.max(b.x);
            let high = (a.y + a.height).min(b.y + b.height) - a.y.max(b.y);
            assert!(wide <= slack || high <= slack, "{a:?} and {b:?}");
        }
    }
}

#[test]
fn rectangles_fill_the_area_in_proportion_to_sizes() {
    let within = Rect { x: 10.0, y: 20.0, width: 1000.0, height: 420.0 };
    let many: Vec<u64> = (0..400).map(|n| (n * 7919) % 1009).collect();
    let lists: [&[u64]; 8] = [
        &[],
        &[0, 0],
        &[5],
        &[1, 2, 3, 0, 4],
        &[7; 30],
        &[u64::MAX, 1, 1, u64::MAX / 3],
        &[6, 6, 4, 3, 2, 2, 1],
        &many,
    ];
    for sizes in lists {
        assert_fits(sizes, &squarified(sizes, within), within);
        let upright = Rect { width: 42.0, height: 1000.0, ..within };
        assert_fits(sizes, &squarified(sizes, upright), upright);
    }
    // Equal sizes make cells that are nearly squares.
    let rects = squarified(&[1; 12], Rect { x: 0.0, y: 0.0, width: 400.0, height: 300.0 });
    assert!(rects.iter().all(|rect| (rect.width / rect.height).max(rect.height / rect.width) < 1.5), "{rects:?}");
    let empty = squarified(&[3, 4], Rect::default());
    assert!(empty.iter().all(|rect| rect.area() == 0.0), "{empty:?}");
}

#[test]
fn functions_of_a_module_are_adjacent() {
    let names = ["a::b::x", "c", "a::y", "a::b::z", "a", "d::only", "a::b::z", "e::empty"];
    let sizes = [30, 20, 15, 10, 25, 5, 7, 0];
    let within = Rect { x: 0.0, y: 0.0, width: 1000.0, height: 420.0 };
    let items: Vec<_> = names.iter().zip(sizes).map(|(name, size)| Item { path: segments(name), size }).collect();
    let map = nested(&items, within);
    assert_fits(&sizes, &map.cells, within);
    let groups: Vec<_> = map.groups.iter().map(|(rect, depth)| (rect.area().round(), *depth)).collect();
    // Of 112: `a::…` has 62, `a::b::…` 47. The function `a` is beside its module.
    let area = |size: f64| (size / 112.0 * within.area()).round();
    assert_eq!(groups, [(area(62.0), 0), (area(47.0), 1)]);
    let inside = |inner: Rect, outer: Rect| {
        inner.x >= outer.x - 1e-6
            && inner.y >= outer.y - 1e-6
            && inner.x + inner.width <= outer.x + outer.width + 1e-6
            && inner.y + inner.height <= outer.y + outer.height + 1e-6
    };
    let within_a: Vec<_> = map.cells.iter().map(|cell| inside(*cell, map.groups[0].0)).collect();
    assert_eq!(within_a[..7], [true, false, true, true, false, false, true]);
    assert!(inside(map.groups[1].0, map.groups[0].0));

    // Very deep modules are laid out as well.
    let deep = "m::".repeat(100_000);
    let names = [format!("{deep}x"), format!("{deep}y")];
    let items: Vec<_> = names.iter().map(|name| Item { path: segments(name), size: 1 }).collect();
    assert_fits(&[1, 1], &nested(&items, within).cells, within);
}

#[test]
fn names_are_split_at_their_modules() {
    assert_eq!(segments("weather::models::fit"), ["weather", "models", "fit"]);
    assert_eq!(segments("<impl a::Shape for a::Circle>::area"), ["<impl a::Shape for a::Circle>", "area"]);
    assert_eq!(segments("f"), ["f"]);
    assert_eq!(segments(""), [""]);
    assert_eq!(segments("::f"), ["::f"]);
    assert_eq!(segments("a::"), ["a", ""]);
    assert_eq!(segments("a -> b::c"), ["a -> b", "c"]);
    assert_eq!(segments("Käse::größe"), ["Käse", "größe"]);
}
