//! Enumerates all orders of the steps of several threads, for tests of protocols.

/// Returns all orders, each as a list of thread numbers. `steps` has the number of steps of each thread.
pub(super) fn interleavings(steps: &[usize]) -> Vec<Vec<usize>> {
    fn extend(left: &mut [usize], order: &mut Vec<usize>, all: &mut Vec<Vec<usize>>) {
        if left.iter().all(|left| *left == 0) {
            all.push(order.clone());
        }
        for thread in 0..left.len() {
            if left[thread] > 0 {
                left[thread] -= 1;
                order.push(thread);
                extend(left, order, all);
                order.pop();
                left[thread] += 1;
            }
        }
    }
    let mut all = Vec::new();
    extend(&mut steps.to_vec(), &mut Vec::new(), &mut all);
    all
}

#[test]
fn each_order_is_returned_once() {
    assert_eq!(interleavings(&[2, 1]), [[0, 0, 1], [0, 1, 0], [1, 0, 0]]);
    let mut all = interleavings(&[3, 2, 2]);
    assert_eq!(all.len(), 210);
    all.dedup();
    assert_eq!(all.len(), 210);
}
