//! Elements to byte planes and back: plane *j* has byte *j* of each element.

#[cfg(any(target_arch = "x86_64", all(target_arch = "aarch64", target_endian = "little")))]
pub(crate) mod vector;

/// Bytes of the widest element.
pub(crate) const WIDEST: usize = 16;

/// Writes the planes of `raw` to `target`, which has the same length, one after another.
pub(crate) fn shuffle(raw: &[u8], width: usize, target: &mut [u8]) {
    match width {
        2 => shuffle_by::<2>(raw, target),
        4 => shuffle_by::<4>(raw, target),
        8 => shuffle_by::<8>(raw, target),
        16 => shuffle_by::<16>(raw, target),
        _ => target.copy_from_slice(raw),
    }
}

/// Reverses [`shuffle`], from `width` planes.
pub(crate) fn unshuffle(planes: &[&[u8]; WIDEST], width: usize, target: &mut [u8]) {
    match width {
        2 => unshuffle_by::<2>(planes, target),
        4 => unshuffle_by::<4>(planes, target),
        8 => unshuffle_by::<8>(planes, target),
        16 => unshuffle_by::<16>(planes, target),
        _ => target.copy_from_slice(planes[0]),
    }
}

fn shuffle_by<const WIDTH: usize>(raw: &[u8], target: &mut [u8]) {
    let elements = raw.as_chunks::<WIDTH>().0;
    let mut rest = target;
    let mut planes: [&mut [u8]; WIDTH] = std::array::from_fn(|_| {
        let (plane, after) = std::mem::take(&mut rest).split_at_mut(elements.len());
        rest = after;
        plane
    });
    #[cfg(any(target_arch = "x86_64", all(target_arch = "aarch64", target_endian = "little")))]
    let done = vector::shuffle(elements, &mut planes);
    #[cfg(not(any(target_arch = "x86_64", all(target_arch = "aarch64", target_endian = "little"))))]
    let done = 0;
    shuffle_from(done, elements, &mut planes);
}

fn unshuffle_by<const WIDTH: usize>(planes: &[&[u8]; WIDEST], target: &mut [u8]) {
    let elements = target.as_chunks_mut::<WIDTH>().0;
    let planes: [&[u8]; WIDTH] = std::array::from_fn(|plane| &planes[plane][..elements.len()]);
    #[cfg(any(target_arch = "x86_64", all(target_arch = "aarch64", target_endian = "little")))]
    let done = vector::unshuffle(&planes, elements);
    #[cfg(not(any(target_arch = "x86_64", all(target_arch = "aarch64", target_endian = "little"))))]
    let done = 0;
    unshuffle_from(done, &planes, elements);
}

/// The form for every processor, from element `start`.
fn shuffle_from<const WIDTH: usize>(start: usize, elements: &[[u8; WIDTH]], planes: &mut [&mut [u8]; WIDTH]) {
    for (index, element) in elements.iter().enumerate().skip(start) {
        for (plane, byte) in planes.iter_mut().zip(element) {
            plane[index] = *byte;
        }
    }
}

/// The form for every processor, from element `start`.
fn unshuffle_from<const WIDTH: usize>(start: usize, planes: &[&[u8]; WIDTH], elements: &mut [[u8; WIDTH]]) {
    for (index, element) in elements.iter_mut().enumerate().skip(start) {
        *element = std::array::from_fn(|plane| planes[plane][index]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::Random;

    fn all_forms_agree<const WIDTH: usize>() {
        let mut random = Random(3);
        for count in (0..200).chain([1000, 4097]).step_by(if cfg!(miri) { 33 } else { 1 }) {
            let raw: Vec<u8> = (0..count * WIDTH).map(|_| random.next().to_le_bytes()[0]).collect();
            let elements = raw.as_chunks::<WIDTH>().0;
            let expected: Vec<u8> = (0..WIDTH).flat_map(|plane| elements.iter().map(move |e| e[plane])).collect();

            let mut planes = vec![0; raw.len()];
            shuffle(&raw, WIDTH, &mut planes);
            assert_eq!(planes, expected, "width {WIDTH}, {count} elements");
            let plane = |index: usize| if index < WIDTH { &expected[index * count..][..count] } else { &[] };
            let mut back = vec![0; raw.len()];
            unshuffle(&std::array::from_fn(plane), WIDTH, &mut back);
            assert_eq!(back, raw, "width {WIDTH}, {count} elements");

            let mut back = vec![0; raw.len()];
            unshuffle_from(0, &std::array::from_fn(plane), back.as_chunks_mut::<WIDTH>().0);
            assert_eq!(back, raw);
        }
    }

    #[test]
    fn vectors_do_what_the_portable_form_does() {
        all_forms_agree::<1>();
        all_forms_agree::<2>();
        all_forms_agree::<4>();
        all_forms_agree::<8>();
        all_forms_agree::<16>();
    }
}
