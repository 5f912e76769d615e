//! Copies strided arrays into logical order, tile by tile.
#![expect(unsafe_code, reason = "elements are reached by strides, and copied by their width alone")]

use std::marker::PhantomData;

/// The elements of an array that is not contiguous in logical order.
pub(crate) struct Strided<'a> {
    first: *const u8,
    width: usize,
    shape: &'a [usize],
    /// Distance between consecutive indices of each axis, in elements.
    strides: &'a [isize],
    elements: PhantomData<&'a [u8]>,
}

// SAFETY: it is a shared reference to numbers, as `&[u8]` is.
unsafe impl Sync for Strided<'_> {}

/// Columns that are copied together if the elements of a column are close to each other. So each cache line is written
/// as a whole, and the lines that are read stay in the cache until then.
const TILE: usize = 8;

/// Distance of the prefetch, in tiles.
const AHEAD: usize = 4;

/// Maximum number of rows to prefetch. The processor's own prefetcher has recognised the pattern by then.
const FETCHED: usize = 64;

/// Bytes of a cache line.
const LINE: usize = 64;

impl<'a> Strided<'a> {
    /// # Safety
    /// `first` must point to the element with all indices 0, of `width` bytes without padding. Every index within the
    /// shape must lead to an initialised element that does not change during `'a`. There must be one stride for each
    /// axis.
    pub(super) unsafe fn new(first: *const u8, width: usize, shape: &'a [usize], strides: &'a [isize]) -> Self {
        debug_assert!(shape.len() == strides.len() && matches!(width, 1 | 2 | 4 | 8 | 16));
        Strided { first, width, shape, strides, elements: PhantomData }
    }

    /// Returns the number of elements.
    pub(crate) fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Copies elements in logical order, starting with number `from`, until `target` is full.
    ///
    /// # Panics
    /// If there are too few elements, or if the length of `target` is not a multiple of the element size.
    pub(crate) fn copy_to(&self, mut from: usize, mut target: &mut [u8]) {
        assert!(target.len().is_multiple_of(self.width) && from + target.len() / self.width <= self.len());
        while !target.is_empty() {
            let (axis, inner) = self.whole_axes(from, target.len() / self.width);
            let steps = self.shape[axis] - from / inner % self.shape[axis];
            let steps = steps.min(target.len() / self.width / inner);
            let (part, rest) = std::mem::take(&mut target).split_at_mut(steps * inner * self.width);
            self.copy_steps(from, axis, steps, part);
            target = rest;
            from += steps * inner;
        }
    }

    /// Chooses the axis to advance along from element `from`, given that `count` elements are wanted: every step along
    /// it covers only wanted elements. Returns the axis, and the number of elements per step.
    fn whole_axes(&self, from: usize, count: usize) -> (usize, usize) {
        let (mut axis, mut inner) = (self.shape.len() - 1, 1);
        while axis > 0 {
            let next = inner * self.shape[axis];
            if !from.is_multiple_of(next) || next > count {
                break;
            }
            (axis, inner) = (axis - 1, next);
        }
        (axis, inner)
    }

    /// Copies the elements of some steps along an axis, plane by plane.
    fn copy_steps(&self, from: usize, axis: usize, steps: usize, target: &mut [u8]) {
        let last = self.shape.len() - 1;
        let extent = |a: usize| if a == axis { steps } else { self.shape[a] };
        // A plane consists of the last axis and the axis whose elements are closest to each other in memory.
        let nearest = (axis..last).filter(|a| extent(*a) > 1).min_by_key(|a| self.strides[*a].unsigned_abs());
        let rows = nearest.map_or(1, extent);
        let columns = extent(last);
        let plane = Plane {
            rows,
            row_stride: nearest.map_or(0, |a| self.strides[a]),
            columns,
            column_stride: self.strides[last],
            target_row: nearest.map_or(0, |a| (a + 1..=last).map(extent).product()),
        };
        let begin = self.offset(from);
        for index in 0..target.len() / self.width / (rows * columns) {
            let (mut rest, mut source, mut place, mut size) = (index, begin, 0, columns);
            for a in (axis..last).rev() {
                if Some(a) != nearest {
                    let step = rest % extent(a);
                    rest /= extent(a);
                    source += step.cast_signed() * self.strides[a];
                    place += step * size;
                }
                size *= extent(a);
            }
            let target = &mut target[place * self.width..];
            // SAFETY: every index of the plane is within the shape, so the contract of `new` covers the elements.
            unsafe {
                match self.width {
                    1 => plane.copy(self.first.offset(source), target),
                    2 => plane.copy(self.first.cast::<[u8; 2]>().offset(source), target),
                    4 => plane.copy(self.first.cast::<[u8; 4]>().offset(source), target),
                    8 => plane.copy(self.first.cast::<[u8; 8]>().offset(source), target),
                    _ => plane.copy(self.first.cast::<[u8; 16]>().offset(source), target),
                }
            }
        }
    }

    /// Returns the offset of an element from the first one, in elements.
    fn offset(&self, index: usize) -> isize {
        let mut rest = index;
        let axes = self.shape.iter().zip(self.strides).rev();
        axes.map(|(len, stride)| {
            let step = rest % len;
            rest /= len;
            step.cast_signed() * stride
        })
        .sum()
    }
}

/// Two axes of an array, to be copied row by row. Strides are in elements.
struct Plane {
    rows: usize,
    row_stride: isize,
    columns: usize,
    column_stride: isize,
    /// Distance between rows in the target, in elements.
    target_row: usize,
}

impl Plane {
    /// # Safety
    /// Each row and column must lead from `source` to an initialised element.
    unsafe fn copy<T: Copy>(&self, source: *const T, target: &mut [u8]) {
        let last = (self.rows - 1) * self.target_row + self.columns;
        assert!(target.len() >= last * size_of::<T>());
        let target = target.as_mut_ptr().cast::<T>();
        let copy = |row: usize, column: usize| {
            let from = row.cast_signed() * self.row_stride + column.cast_signed() * self.column_stride;
            // SAFETY: the caller guarantees the element. `T` is an array of bytes, so every address is aligned. The
            // target index is below `last`, which the assertion has checked.
            unsafe { target.add(row * self.target_row + column).write(source.offset(from).read()) };
        };
        if self.row_stride.unsigned_abs() >= self.column_stride.unsigned_abs() {
            for row in 0..self.rows {
                (0..self.columns).for_each(|column| copy(row, column));
            }
            return;
        }
        let whole = self.columns / TILE * TILE;
        for first in (0..whole).step_by(TILE) {
            self.fetch(source, first + AHEAD * TILE);
            let mut row = 0;
            if self.row_stride == 1 {
                // Square tiles are transposed in registers.
                while row + TILE <= self.rows {
                    let square: [[T; TILE]; TILE] = std::array::from_fn(|column| {
                        let from = row.cast_signed() + (first + column).cast_signed() * self.column_stride;
                        // SAFETY: the caller guarantees the elements. They are adjacent, because `row_stride` is 1.
                        unsafe { source.offset(from).cast::<[T; TILE]>().read() }
                    });
                    for (index, row) in (row..row + TILE).enumerate() {
                        let line: [T; TILE] = std::array::from_fn(|column| square[column][index]);
                        // SAFETY: the target indices are those of elements of the plane, so they are below `last`.
                        unsafe { target.add(row * self.target_row + first).cast::<[T; TILE]>().write(line) };
                    }
                    row += TILE;
                }
            }
            for row in row..self.rows {
                (first..first + TILE).for_each(|column| copy(row, column));
            }
        }
        for column in whole..self.columns {
            (0..self.rows).for_each(|row| copy(row, column));
        }
    }

    /// Prefetches a tile that is needed soon. Its columns are far apart, so the processor's own prefetcher misses it.
    #[inline]
    fn fetch<T>(&self, source: *const T, first: usize) {
        #[cfg(target_arch = "x86_64")]
        for column in first..self.columns.min(first + TILE) {
            for row in (0..self.rows.min(FETCHED))
                .step_by((LINE / size_of::<T>() / self.row_stride.unsigned_abs().max(1)).max(1))
            {
                let from = row.cast_signed() * self.row_stride + column.cast_signed() * self.column_stride;
                // SAFETY: a prefetch is a hint. It reads nothing, and any address is allowed.
                unsafe {
                    std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(
                        source.wrapping_offset(from).cast(),
                    );
                }
            }
        }
        #[cfg(not(target_arch = "x86_64"))]
        let _ = (source, first);
    }
}
