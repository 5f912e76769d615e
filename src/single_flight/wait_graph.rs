//! The wait graph of this process: detects a cycle of waits before it closes.
//!
//! The nodes are in-flight calls ([`InFlight`]). A thread is *within* the calls that it leads. A task that is being
//! polled is within the call that it leads and within those around it. If something within a call waits for another
//! call, the first can't end before the second: that is an edge. If edges lead from the call to be waited for back to a
//! call that the waiter is within, the wait would never end.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use crate::key::digest::Key;
use crate::single_flight::flight::{InFlight, Root};
use crate::sys::fork::per_process::PerProcess;
use crate::sys::locked::locked;

thread_local! {
    /// The calls that this thread is within, the outermost first.
    static WITHIN: RefCell<Vec<Arc<InFlight>>> = const { RefCell::new(Vec::new()) };
}

/// The calls that each call waits for. Only waiting calls have an entry.
static EDGES: PerProcess<Mutex<Edges>> = PerProcess::new();

type Edges = HashMap<usize, Vec<Arc<InFlight>>>;

/// Returns the address of an in-flight call, which is used only for comparison.
fn id(flight: &Arc<InFlight>) -> usize {
    Arc::as_ptr(flight).addr()
}

/// Keeps this thread within a call, until this is dropped on the same thread.
pub(super) struct CallScope(usize);

impl CallScope {
    pub(super) fn of(flight: &Arc<InFlight>) -> CallScope {
        // During the thread's exit the list may be gone. A cycle through this call is then not detected at once.
        let _ = WITHIN.try_with(|within| within.borrow_mut().push(flight.clone()));
        CallScope(id(flight))
    }
}

impl Drop for CallScope {
    fn drop(&mut self) {
        let _ = WITHIN.try_with(|within| {
            let mut within = within.borrow_mut();
            if let Some(last) = within.iter().rposition(|flight| id(flight) == self.0) {
                within.remove(last);
            }
        });
    }
}

fn within() -> Vec<Arc<InFlight>> {
    WITHIN.try_with(|within| within.borrow().clone()).unwrap_or_default()
}

/// Returns the keys of the calls that this thread is within.
pub(super) fn keys_within() -> Vec<Key> {
    within().iter().map(|flight| flight.key).collect()
}

/// Returns whether this thread is within a call of this key in the cache with this root. After a fork, the call may be
/// the parent's, which is not in the child's table.
pub(super) fn is_within(key: &Key, root: &Root) -> bool {
    let is_it = |flight: &Arc<InFlight>| flight.key == *key && flight.root == *root;
    WITHIN.try_with(|within| within.borrow().iter().any(is_it)).unwrap_or(false)
}

/// Returns whether this thread is within another in-flight call of the same key, of a cache that was opened by another
/// path to the same folder.
pub(super) fn is_within_around(flight: &Arc<InFlight>) -> bool {
    within().iter().any(|one| !Arc::ptr_eq(one, flight) && one.key == flight.key && one.root == flight.root)
}

/// Returns the number of calls that this thread is within.
pub(super) fn depth() -> usize {
    WITHIN.try_with(|within| within.borrow().len()).unwrap_or(0)
}

/// The edges of a waiter. They are removed when this is dropped.
pub(super) struct WaitGuard {
    within: Vec<Arc<InFlight>>,
    target: Arc<InFlight>,
}

impl WaitGuard {
    /// Adds the edges of a wait for `target` by this thread. `None` if they would close a cycle.
    pub(super) fn unless_in_a_cycle(target: &Arc<InFlight>) -> Option<WaitGuard> {
        let within = within();
        let mut edges = locked(EDGES.get());
        if reaches(&edges, target, &within) {
            return None;
        }
        Some(WaitGuard::add(&mut edges, within, target))
    }
}

impl WaitGuard {
    /// Adds the edges of the calls around `flight`, which wait until another process has computed it.
    pub(super) fn of_outer_calls(flight: &Arc<InFlight>) -> WaitGuard {
        let mut around = within();
        around.retain(|one| !Arc::ptr_eq(one, flight));
        WaitGuard::add(&mut locked(EDGES.get()), around, flight)
    }

    fn add(edges: &mut Edges, within: Vec<Arc<InFlight>>, target: &Arc<InFlight>) -> WaitGuard {
        for flight in &within {
            edges.entry(id(flight)).or_default().push(target.clone());
        }
        WaitGuard { within, target: target.clone() }
    }
}

impl Drop for WaitGuard {
    fn drop(&mut self) {
        let mut edges = locked(EDGES.get());
        for flight in &self.within {
            let Some(targets) = edges.get_mut(&id(flight)) else { continue };
            if let Some(one) = targets.iter().position(|target| Arc::ptr_eq(target, &self.target)) {
                targets.swap_remove(one);
            }
            if targets.is_empty() {
                edges.remove(&id(flight));
            }
        }
    }
}

fn reaches(edges: &Edges, from: &Arc<InFlight>, to: &[Arc<InFlight>]) -> bool {
    !to.is_empty() && ends(edges, from, &mut |flight| to.iter().any(|one| Arc::ptr_eq(one, flight)))
}

/// Returns the calls at the ends of the chain of waits from `flight`: `flight` itself, if it does not wait.
pub(super) fn at_the_end(flight: &Arc<InFlight>) -> Vec<Arc<InFlight>> {
    let edges = locked(EDGES.get());
    let mut found = Vec::new();
    ends(&edges, flight, &mut |flight| {
        if !edges.contains_key(&id(flight)) {
            found.push(flight.clone());
        }
        false
    });
    found
}

/// Returns the keys that `flight` itself waits for.
pub(super) fn waits_for(flight: &Arc<InFlight>) -> Vec<Key> {
    locked(EDGES.get()).get(&id(flight)).into_iter().flatten().map(|target| target.key).collect()
}

/// Walks along the edges until `stop` returns true. Returns whether it did.
fn ends(edges: &Edges, from: &Arc<InFlight>, stop: &mut dyn FnMut(&Arc<InFlight>) -> bool) -> bool {
    let mut todo = vec![from];
    let mut seen = Vec::new();
    while let Some(flight) = todo.pop() {
        // An ended call blocks no other, even if its edges are not removed yet.
        if seen.contains(&id(flight)) || flight.has_ended() {
            continue;
        }
        seen.push(id(flight));
        if stop(flight) {
            return true;
        }
        todo.extend(edges.get(&id(flight)).into_iter().flatten());
    }
    false
}
