//! Tests single-flight in every order of the steps of its callers.
//!
//! The table, the locks and `Join` are the real ones. The callers are tasks of one thread, so a schedule decides which of
//! them takes the next step: look up, join, look up again, publish, end. These are the steps of `prepare` in
//! `src/call/run.rs`. A caller that waits takes no step until what it waits for has changed. So a schedule that leaves a
//! caller waiting is a deadlock.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::key::digest::Key;
use crate::single_flight::flight::FlightOutcome;
use crate::single_flight::join::{Join, WaitStage, WaitStep};
use crate::single_flight::table::{InFlightTable, LeaderGuard, Role};
use crate::store::directory::Directory;
use crate::sys::lock::key_locks::KeyLocks;

const KEY: Key = Key::from_bytes([7; 32]);

/// What happens in a test.
#[derive(Clone, Copy, Default)]
struct Scenario {
    /// The process of each caller. Processes are caches in one folder, which exclude each other by the same locks.
    processes: &'static [usize],
    /// How many computations fail, or die, before one succeeds.
    failures: u32,
    /// Whether no result is stored, as with `store_if`.
    is_not_kept: bool,
    /// How often the stored result is removed.
    clears: u32,
}

/// What callers share, besides the table and the locks.
#[derive(Default)]
struct Shared {
    is_stored: bool,
    /// Callers that compute for all.
    leaders: u32,
    computed: u32,
    /// Callers that computed, although another one did.
    alone: u32,
    failed: u32,
    cleared: u32,
    /// How often a call ended, which frees its lock.
    ended: u32,
}

/// The next step of a caller.
enum Next<'a> {
    LookUp,
    /// Join the call. With a number, it waits until more calls have ended, or until its leader has.
    Join(Box<Join<'a>>, Option<u32>),
    LookAgain(Option<LeaderGuard>),
    Publish(LeaderGuard),
    End(LeaderGuard, FlightOutcome),
    Done,
}

impl Next<'_> {
    fn is_possible(&self, shared: &Shared) -> bool {
        match self {
            Next::Done => false,
            Next::Join(join, Some(ended)) => match &join.stage {
                WaitStage::Thread(wait) => wait.flight().has_ended(),
                _ => shared.ended > *ended,
            },
            _ => true,
        }
    }
}

/// Takes a step of a caller. `join` begins to join the call.
fn step<'a>(next: Next<'a>, scenario: Scenario, shared: &mut Shared, join: impl Fn() -> Join<'a>) -> Next<'a> {
    match next {
        Next::LookUp if shared.is_stored => Next::Done,
        Next::LookUp => Next::Join(Box::new(join()), None),
        Next::Join(mut join, _) => {
            if let WaitStage::Thread(wait) = &mut join.stage {
                wait.wait(Duration::ZERO);
            }
            match join.advance() {
                Some(WaitStep::Role(Role::Leader(lead))) => Next::LookAgain(Some(lead)),
                Some(WaitStep::Role(Role::Look)) => Next::LookAgain(None),
                Some(WaitStep::Role(Role::Alone)) => {
                    shared.alone += 1;
                    Next::Done
                }
                Some(WaitStep::Waiting(_) | WaitStep::Late) | None => Next::Join(join, Some(shared.ended)),
            }
        }
        Next::LookAgain(Some(lead)) if shared.is_stored => Next::End(lead, FlightOutcome::Stored),
        Next::LookAgain(Some(lead)) => {
            assert_eq!(shared.leaders, 0, "two callers compute for all at one time");
            shared.leaders += 1;
            Next::Publish(lead)
        }
        Next::LookAgain(None) if shared.is_stored => Next::Done,
        // It was removed since it was stored.
        Next::LookAgain(None) => Next::Join(Box::new(join()), None),
        Next::Publish(lead) => {
            shared.leaders -= 1;
            if shared.failed < scenario.failures {
                shared.failed += 1;
                shared.ended += 1;
                drop(lead);
                return Next::Done;
            }
            shared.computed += 1;
            shared.is_stored = !scenario.is_not_kept;
            Next::End(lead, if scenario.is_not_kept { FlightOutcome::NotKept } else { FlightOutcome::Stored })
        }
        Next::End(lead, end) => {
            lead.complete(end);
            shared.ended += 1;
            Next::Done
        }
        Next::Done => Next::Done,
    }
}

/// Runs the scenario once. `choose` gets the number of callers that can take a step, and returns which one does.
fn run(scenario: Scenario, root: &Path, mut choose: impl FnMut(usize) -> usize) -> Shared {
    let limit = Duration::from_secs(100_000);
    let table = |_| Arc::new(InFlightTable::new(root, KeyLocks::under(root), limit));
    let tables: Vec<_> = (0..=scenario.processes.iter().copied().max().unwrap_or(0)).map(table).collect();
    let store = Directory::default();
    let join = |process: usize| Join::new(&tables[process], &store, &KEY, "f", root, true, None);
    let mut shared = Shared::default();
    let mut callers: Vec<Next<'_>> = scenario.processes.iter().map(|_| Next::LookUp).collect();
    loop {
        let mut possible: Vec<usize> = (0..callers.len()).filter(|at| callers[*at].is_possible(&shared)).collect();
        if shared.cleared < scenario.clears {
            possible.push(callers.len());
        }
        if possible.is_empty() {
            break;
        }
        let at = possible[choose(possible.len())];
        match callers.get_mut(at) {
            Some(next) => {
                *next =
                    step(std::mem::replace(next, Next::Done), scenario, &mut shared, || join(scenario.processes[at]));
            }
            None => {
                shared.cleared += 1;
                shared.is_stored = false;
            }
        }
    }
    assert!(callers.iter().all(|next| matches!(next, Next::Done)), "a caller waits for ever");
    for table in &tables {
        assert!(table.try_lead(&KEY, "f", true).is_some(), "a call or a lock is left");
    }
    shared
}

/// Runs the scenario once for each order of steps. Returns the number of orders.
fn in_each_order(scenario: Scenario, check: impl Fn(&Shared)) -> u64 {
    let folder = tempfile::tempdir().unwrap();
    // Without a folder there are no locks, which take most of the time.
    let is_one = scenario.processes.iter().all(|process| *process == 0);
    let root = if is_one { folder.path().join("none") } else { folder.path().to_owned() };
    // Each choice so far, and the number of possible ones.
    let mut choices: Vec<(usize, usize)> = Vec::new();
    let mut orders = 0;
    loop {
        let mut taken = 0;
        let shared = run(scenario, &root, |possible| {
            if taken == choices.len() {
                choices.push((0, possible));
            }
            taken += 1;
            choices[taken - 1].0
        });
        check(&shared);
        orders += 1;
        while choices.pop_if(|(choice, possible)| *choice + 1 == *possible).is_some() {}
        match choices.last_mut() {
            Some((choice, _)) => *choice += 1,
            None => return orders,
        }
    }
}

const ONE_PROCESS: &[usize] = &[0, 0, 0];
const TWO_PROCESSES: &[usize] = &[0, 1];

#[test]
fn one_caller_computes() {
    for processes in [ONE_PROCESS, TWO_PROCESSES, &[0, 0, 1]] {
        let orders = in_each_order(Scenario { processes, ..Scenario::default() }, |shared| {
            assert_eq!((shared.computed, shared.alone), (1, 0));
        });
        assert!(orders > 30, "{orders}");
    }
}

#[test]
fn after_a_leader_died_another_one_computes() {
    for (processes, failures) in [(ONE_PROCESS, 1), (TWO_PROCESSES, 1), (TWO_PROCESSES, 2), (&[0, 0], 2)] {
        let orders = in_each_order(Scenario { processes, failures, ..Scenario::default() }, |shared| {
            let all_failed = usize::try_from(failures).unwrap() == processes.len();
            assert_eq!((shared.failed, shared.alone, shared.computed), (failures, 0, u32::from(!all_failed)));
        });
        assert!(orders > 20, "{orders}");
    }
}

/// A waiter whose result was removed before it could load it joins again.
#[test]
fn each_removal_costs_one_computation_at_most() {
    for (processes, clears, failures) in
        [(&[0, 0][..], 1, 0), (&[0, 0], 2, 0), (&[0, 0], 1, 1), (TWO_PROCESSES, 2, 0), (TWO_PROCESSES, 1, 1)]
    {
        let orders = in_each_order(Scenario { processes, clears, failures, ..Scenario::default() }, |shared| {
            assert!(shared.computed <= 1 + clears && shared.computed + shared.failed >= 1, "{}", shared.computed);
            assert_eq!((shared.failed, shared.alone), (failures, 0));
        });
        assert!(orders > 100, "{orders}");
    }
}

/// If one result is not stored, the next one would not be stored either. So no call waits for it.
#[test]
fn a_result_that_is_not_kept_ends_all_waits() {
    let scenario = Scenario { processes: &[0, 0], is_not_kept: true, ..Scenario::default() };
    in_each_order(scenario, |shared| assert_eq!(shared.computed + shared.alone, 2));
}
