//! Who waits for whom in this process, so that a wait in a circle is seen before it begins.
//!
//! A call that is computed is a [`InFlight`]. A thread is *within* the flights that it leads, and a task that is polled is
//! within the one that it leads and within those around it. What is within a flight and waits keeps that flight from
//! ending: that is an edge. If the edges lead from the flight that somebody wants to wait for to one that he is within,
//! the wait would never end.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use crate::key::digest::Key;
use crate::single_flight::flight::{InFlight, Root, locked};
use crate::sys::fork::per_process::PerProcess;

thread_local! {
    /// The flights that this thread is within, the outermost first.
    static WITHIN: RefCell<Vec<Arc<InFlight>>> = const { RefCell::new(Vec::new()) };
}

/// What each flight waits for. Only flights that wait are in it.
static EDGES: PerProcess<Mutex<Edges>> = PerProcess::new();

type Edges = HashMap<usize, Vec<Arc<InFlight>>>;

/// A flight's address, which is only compared.
fn id(flight: &Arc<InFlight>) -> usize {
    Arc::as_ptr(flight).addr()
}

/// This thread is within a flight, until this is dropped there.
pub(super) struct CallScope(usize);

impl CallScope {
    pub(super) fn of(flight: &Arc<InFlight>) -> CallScope {
        // At the end of a thread there is no such list any more. Then a circle through it is not seen at once.
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

/// The keys of the flights that this thread is within.
pub(super) fn keys_within() -> Vec<Key> {
    within().iter().map(|flight| flight.key).collect()
}

/// Whether this thread is within a flight of this key in the cache of this folder. After a fork, that flight was the
/// parent's, and is not in the child's table.
pub(super) fn is_within(key: &Key, root: &Root) -> bool {
    let is_it = |flight: &Arc<InFlight>| flight.key == *key && flight.root == *root;
    WITHIN.try_with(|within| within.borrow().iter().any(is_it)).unwrap_or(false)
}

/// Whether this thread is within another flight of the same call, in a cache that has the same folder by another path.
pub(super) fn is_within_around(flight: &Arc<InFlight>) -> bool {
    within().iter().any(|one| !Arc::ptr_eq(one, flight) && one.key == flight.key && one.root == flight.root)
}

/// How many flights this thread is within.
pub(super) fn depth() -> usize {
    WITHIN.try_with(|within| within.borrow().len()).unwrap_or(0)
}

/// The edges of somebody who waits for a flight, until this is dropped.
pub(super) struct WaitGuard {
    within: Vec<Arc<InFlight>>,
    target: Arc<InFlight>,
}

impl WaitGuard {
    /// Somebody within what this thread is within waits for `target`. `None` if that would be a circle.
    pub(super) fn unless_in_a_circle(target: &Arc<InFlight>) -> Option<WaitGuard> {
        let within = within();
        let mut edges = locked(EDGES.get());
        if reaches(&edges, target, &within) {
            return None;
        }
        Some(WaitGuard::add(&mut edges, within, target))
    }
}

impl WaitGuard {
    /// What this thread is within around `flight` waits for it to be computed elsewhere.
    pub(super) fn of_those_around(flight: &Arc<InFlight>) -> WaitGuard {
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

/// The flights at the end of what `flight` waits for: itself, if it does not wait.
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

/// What `flight` waits for itself.
pub(super) fn waits_for(flight: &Arc<InFlight>) -> Vec<Key> {
    locked(EDGES.get()).get(&id(flight)).into_iter().flatten().map(|target| target.key).collect()
}

/// Walks along the edges, until `stop` says so: whether it did.
fn ends(edges: &Edges, from: &Arc<InFlight>, stop: &mut dyn FnMut(&Arc<InFlight>) -> bool) -> bool {
    let mut todo = vec![from];
    let mut seen = Vec::new();
    while let Some(flight) = todo.pop() {
        // What has ended keeps others no longer, whatever it still seems to wait for.
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
