//! Which maps have an order that counts, and what is seen of the maps whose container is not known.

use std::any::type_name;
use std::cell::{Cell, RefCell};

use crate::key::canonical::hash_containers::{ItemOrder, order_by_name};
use crate::key::digest::Digest;

/// The rule for the order of maps, and notes on the maps that were encoded.
///
/// A map is *unknown* if its container can't be told from the name of its type: serde passes the entries one by one,
/// as for `flatten`, or the `Serialize` of another crate does. Unknown maps are numbered in the order in which they
/// begin. That is the same for each encoding of one value.
pub(crate) struct MapOrder<'r> {
    rule: Rule<'r>,
    begun: Cell<usize>,
    /// Whether the order of an unknown map counts that is not the order of its keys.
    doubtful: Cell<bool>,
    /// How many containers without an order the current value is in.
    unordered_around: Cell<u32>,
    seen: RefCell<Vec<SeenMap>>,
    /// The container and the iterator that were looked up last. In a list, they are the next ones as well.
    container: Cell<LookedUp>,
    iterator: Cell<LookedUp>,
}

/// Address and length of the name of a type, and what it says.
type LookedUp = (usize, usize, ItemOrder);

enum Rule<'r> {
    /// The order of a map counts, except for known hash maps.
    Counts,
    /// As `Counts`, but the order of these unknown maps is random and does not count.
    CountsExcept(&'r [bool]),
    /// The order of no map counts.
    Ignored,
    /// As `Ignored`. Unknown maps are recorded.
    Recorded,
    /// As `Ignored`. The order of no sequence counts either.
    None,
}

/// An unknown map that was recorded.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SeenMap {
    /// Digest of its entries, in any order.
    pub(crate) content: Digest,
    /// Digest of its entries in the order in which they came.
    pub(crate) arrival: Digest,
    /// Number of entries.
    pub(crate) len: usize,
    /// Whether it is a struct with `flatten`, so that only some of its entries may come in a random order.
    pub(crate) is_struct: bool,
    /// Whether it is in a container without an order, so that its number may be another one next time.
    pub(crate) moves: bool,
}

impl<'r> MapOrder<'r> {
    pub(crate) fn counts() -> Self {
        MapOrder::new(Rule::Counts)
    }

    /// Lets the order count except for the unknown maps whose numbers are true in `random`.
    pub(crate) fn counts_except(random: &'r [bool]) -> Self {
        MapOrder::new(Rule::CountsExcept(random))
    }

    pub(crate) fn ignored() -> Self {
        MapOrder::new(Rule::Ignored)
    }

    /// Lets no order count, of maps or sequences.
    pub(crate) fn none() -> Self {
        MapOrder::new(Rule::None)
    }

    pub(crate) fn recorded() -> Self {
        MapOrder::new(Rule::Recorded)
    }

    fn new(rule: Rule<'r>) -> Self {
        let (begun, doubtful, unordered_around) = (Cell::new(0), Cell::new(false), Cell::new(0));
        let (container, iterator) = (Cell::new((0, 0, ItemOrder::Unknown)), Cell::new((0, 0, ItemOrder::Unknown)));
        MapOrder { rule, begun, doubtful, unordered_around, seen: RefCell::new(Vec::new()), container, iterator }
    }

    /// Returns what the name of a container says about the order of its items.
    pub(super) fn of_container(&self, name: fn() -> &'static str) -> ItemOrder {
        look_up(name(), &self.container)
    }

    /// Returns what the names of an iterator and of the container that passes it on say about the order of the items.
    pub(super) fn of<I>(&self, container: fn() -> &'static str) -> ItemOrder {
        match look_up(type_name::<I>(), &self.iterator) {
            ItemOrder::Unknown => self.of_container(container),
            known => known,
        }
    }

    /// Returns whether the order of no map counts.
    pub(crate) fn is_ignored(&self) -> bool {
        matches!(self.rule, Rule::Ignored | Rule::Recorded | Rule::None)
    }

    /// Returns whether the order of no sequence counts.
    pub(super) fn is_none(&self) -> bool {
        matches!(self.rule, Rule::None)
    }

    /// Begins an unknown map. Returns its number.
    pub(super) fn begin_unknown(&self, is_struct: bool) -> usize {
        let number = self.begun.get();
        self.begun.set(number + 1);
        if matches!(self.rule, Rule::Recorded) {
            let moves = self.unordered_around.get() > 0;
            self.seen.borrow_mut().push(SeenMap { content: [0; 32], arrival: [0; 32], len: 0, is_struct, moves });
        }
        number
    }

    /// Returns whether the order of the unknown map with this number is random.
    pub(super) fn is_random(&self, number: usize) -> bool {
        matches!(self.rule, Rule::CountsExcept(random) if random.get(number) == Some(&true))
    }

    /// Notes that an unknown map is not in the order of its keys.
    pub(super) fn doubt(&self) {
        self.doubtful.set(true);
    }

    /// Returns whether an unknown map was not in the order of its keys, so that its order may be random.
    pub(crate) fn is_doubtful(&self) -> bool {
        self.doubtful.get()
    }

    pub(crate) fn enter_unordered(&self) {
        self.unordered_around.set(self.unordered_around.get() + 1);
    }

    pub(crate) fn leave_unordered(&self) {
        self.unordered_around.set(self.unordered_around.get() - 1);
    }

    /// Records the entries of an unknown map: their digests as they came, and sorted.
    pub(super) fn record(&self, number: usize, arrival: Digest, sorted: &[Digest]) {
        if let Some(seen) = self.seen.borrow_mut().get_mut(number) {
            let content = *blake3::hash(sorted.as_flattened()).as_bytes();
            *seen = SeenMap { content, arrival, len: sorted.len(), ..*seen };
        }
    }

    /// Returns whether maps are recorded.
    pub(super) fn is_recorded(&self) -> bool {
        matches!(self.rule, Rule::Recorded)
    }

    /// Returns the unknown maps, by their numbers.
    pub(crate) fn into_seen(self) -> Vec<SeenMap> {
        self.seen.into_inner()
    }
}

fn look_up(name: &'static str, last: &Cell<LookedUp>) -> ItemOrder {
    let (address, len, order) = last.get();
    if (address, len) == (name.as_ptr().addr(), name.len()) {
        return order;
    }
    let order = order_by_name(name);
    last.set((name.as_ptr().addr(), name.len(), order));
    order
}
