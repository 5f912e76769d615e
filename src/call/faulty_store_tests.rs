//! Tests random calls against a model, with a store that fails on request.

use std::collections::HashMap;
use std::io;
use std::marker::PhantomData;
use std::path::Path;
use std::sync::{Arc, Mutex};

use proptest::prelude::*;

use crate::cache::handle::Cache;
use crate::call::context::CallContext;
use crate::call::context::lookup::recall;
use crate::call::definition::Definition;
use crate::call::function::Memo;
use crate::call::miss::{CallOptions, done};
use crate::call::options::Rules;
use crate::call::result_shape::PlainResult;
use crate::call::run::{CallRequest, CallSpec, run};
use crate::engine::eviction::policy::Limits;
use crate::error::{Error, ErrorKind, Result};
use crate::key::call_key::{Describe, encode};
use crate::key::digest::Key;
use crate::store::directory::Directory;
use crate::store::interface::{Listing, Store};
use crate::store::listed_entry::ListedEntry;
use crate::store::stored_entry::{EntryStat, StoredEntry};
use crate::sys::atomic_file::TempFile;

/// The operation that fails next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    Get,
    /// The entry opens, but its contents are unusable.
    Damaged,
    /// The entry is not published.
    PutBefore,
    /// The entry is published, but an error is reported.
    PutAfter,
    Remove,
    List,
}

/// A directory with injected faults. Each fault happens once.
#[derive(Debug, Default)]
struct Faulty {
    directory: Directory,
    next: Mutex<Vec<Fault>>,
}

impl Faulty {
    fn fails(&self, fault: Fault) -> bool {
        let mut next = self.next.lock().unwrap();
        let found = next.iter().position(|next| *next == fault);
        found.map(|index| next.swap_remove(index)).is_some()
    }

    fn fail(&self, fault: Fault) -> Result<()> {
        if self.fails(fault) { Err(Error::io(io::ErrorKind::Other.into(), "made to fail")) } else { Ok(()) }
    }
}

impl Store for Faulty {
    fn get(&self, folder: &Path, key: &Key) -> Result<Option<StoredEntry>> {
        self.fail(Fault::Get)?;
        let found = self.directory.get(folder, key)?;
        if self.fails(Fault::Damaged)
            && let Some(found) = &found
        {
            let empty = tempfile::tempfile().map_err(|e| Error::io(e, "no file"))?;
            return Ok(Some(StoredEntry::new(empty, found.path().to_owned())));
        }
        Ok(found)
    }

    fn stat(&self, folder: &Path, key: &Key) -> Option<EntryStat> {
        self.directory.stat(folder, key)
    }

    fn put(&self, folder: &Path, key: &Key, temp: TempFile, durable: bool) -> Result<Option<u64>> {
        self.fail(Fault::PutBefore)?;
        let put = self.directory.put(folder, key, temp, durable)?;
        self.fail(Fault::PutAfter)?;
        Ok(put)
    }

    fn replace(
        &self,
        folder: &Path,
        key: &Key,
        temp: TempFile,
        opened: &StoredEntry,
        durable: bool,
    ) -> Result<Option<u64>> {
        self.fail(Fault::PutBefore)?;
        let replaced = self.directory.replace(folder, key, temp, opened, durable)?;
        self.fail(Fault::PutAfter)?;
        Ok(replaced)
    }

    #[cfg(feature = "archive")]
    fn add(&self, folder: &Path, key: &Key, temp: TempFile, durable: bool) -> Result<bool> {
        self.directory.add(folder, key, temp, durable)
    }

    fn remove(&self, folder: &Path, key: &Key) -> Result<Option<u64>> {
        self.fail(Fault::Remove)?;
        self.directory.remove(folder, key)
    }

    fn touch(&self, opened: &StoredEntry) {
        self.directory.touch(opened);
    }

    fn list(&self, folder: &Path, deep: bool) -> Box<dyn Listing> {
        Box::new(FaultyListing { listing: self.directory.list(folder, deep), fails: self.fails(Fault::List) })
    }
}

/// A listing whose first step may fail.
#[derive(Debug)]
struct FaultyListing {
    listing: Box<dyn Listing>,
    fails: bool,
}

impl Listing for FaultyListing {
    fn next(&mut self, most: usize) -> Result<Option<(Arc<Path>, Vec<ListedEntry>)>> {
        if std::mem::take(&mut self.fails) {
            return Err(Error::io(io::ErrorKind::Other.into(), "made to fail"));
        }
        self.listing.next(most)
    }
}

/// One operation. Most name one of two caches on the same folder, which behave like two processes.
#[derive(Clone, Copy, Debug)]
enum Step {
    Call(usize, u8),
    Refresh(usize, u8),
    Forget(usize, u8),
    Clear(usize),
    Trim(usize, u8),
    Reopen(usize),
    Fault(usize, Fault),
}

fn step() -> impl Strategy<Value = Step> {
    let which = 0..2_usize;
    let argument = 0..4_u8;
    let fault = prop::sample::select(vec![
        Fault::Get,
        Fault::Damaged,
        Fault::PutBefore,
        Fault::PutAfter,
        Fault::Remove,
        Fault::List,
    ]);
    prop_oneof![
        12 => (which.clone(), argument.clone()).prop_map(|(cache, n)| Step::Call(cache, n)),
        3 => (which.clone(), argument.clone()).prop_map(|(cache, n)| Step::Refresh(cache, n)),
        3 => (which.clone(), argument.clone()).prop_map(|(cache, n)| Step::Forget(cache, n)),
        1 => which.clone().prop_map(Step::Clear),
        1 => (which.clone(), argument).prop_map(|(cache, n)| Step::Trim(cache, n)),
        1 => which.clone().prop_map(Step::Reopen),
        2 => (which, fault).prop_map(|(cache, fault)| Step::Fault(cache, fault)),
    ]
}

/// The model: the known state of one stored result.
#[derive(Clone, Debug, PartialEq)]
enum Stored {
    Nothing,
    /// One of these values, or nothing: a fault left it open.
    Maybe(Vec<u64>),
    Value(u64),
}

struct World {
    folder: tempfile::TempDir,
    stores: [Arc<Faulty>; 2],
    caches: [Cache; 2],
    memo: Memo,
    stored: HashMap<u8, Stored>,
    computed: u64,
}

fn open(folder: &Path, store: &Arc<Faulty>) -> Cache {
    let faults = std::mem::take(&mut *store.next.lock().unwrap());
    let cache = Cache::builder(folder).ignore_run_mode(true).store(store.clone()).open().unwrap();
    *store.next.lock().unwrap() = faults;
    cache
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let stores = [Arc::<Faulty>::default(), Arc::default()];
        let caches = [open(folder.path(), &stores[0]), open(folder.path(), &stores[1])];
        let memo = Memo::new(Definition::of_closure("model", "u64"), caches[0].clone());
        World { folder, stores, caches, memo, stored: HashMap::new(), computed: 0 }
    }

    /// Calls the function, which returns a different value in each run. Returns the value, and whether it was
    /// computed.
    fn call(&mut self, which: usize, n: u8, refresh: bool) -> (u64, bool) {
        let next = self.computed + 1;
        let mut computed = false;
        let cache = &self.caches[which];
        let rules = Rules::<u64, PlainResult<u64>>::new(PhantomData);
        let describe = |description: &mut Describe<'_>| description.argument("n", &n);
        let call = encode(describe);
        let value = match recall(&self.memo, cache, &call, &describe, rules).filter(|_| !refresh) {
            Some(value) => value,
            None => {
                let context = CallContext::to_run(&self.memo, cache, call);
                let describe = |n: &u8, description: &mut Describe<'_>| description.argument("n", n);
                let spec = CallSpec { arguments: n, describe, rules };
                let options = if refresh { CallOptions::REFRESH } else { CallOptions::PLAIN };
                let compute = |_| {
                    computed = true;
                    next
                };
                done(run(&context, options, Box::new(CallRequest { spec, compute })).ok()).0
            }
        };
        self.computed += u64::from(computed);
        (value, computed)
    }

    fn take(&mut self, n: u8) -> Stored {
        self.stored.get(&n).cloned().unwrap_or(Stored::Nothing)
    }

    fn pending(&self, which: usize) -> Vec<Fault> {
        self.stores[which].next.lock().unwrap().clone()
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Call(which, n) | Step::Refresh(which, n) => {
                let refresh = matches!(step, Step::Refresh(..));
                let (before, faults) = (self.take(n), self.pending(which));
                let (value, computed) = self.call(which, n, refresh);
                if computed {
                    assert_eq!(value, self.computed);
                    let excused = refresh || faults.contains(&Fault::Get) || faults.contains(&Fault::Damaged);
                    assert!(excused || !matches!(before, Stored::Value(_)), "{n} was stored: {before:?}");
                    let after = if faults.contains(&Fault::PutBefore) { before } else { Stored::Value(value) };
                    self.stored.insert(n, after);
                } else {
                    match before {
                        Stored::Value(stored) => assert_eq!(value, stored, "a stale value of {n}"),
                        Stored::Maybe(stored) => assert!(stored.contains(&value), "{value} of {n}, not of {stored:?}"),
                        Stored::Nothing => panic!("a value of {n} that is not stored: {value}"),
                    }
                }
            }
            Step::Forget(which, n) => {
                let (before, fails) = (self.take(n), self.pending(which).contains(&Fault::Remove));
                let call = encode(|description| description.argument("n", &n));
                match CallContext::new(&self.memo, &self.caches[which], call).forget() {
                    Ok(removed) => {
                        assert!(!fails);
                        match before {
                            Stored::Value(_) => assert!(removed),
                            Stored::Nothing => assert!(!removed),
                            Stored::Maybe(_) => {}
                        }
                        self.stored.insert(n, Stored::Nothing);
                    }
                    Err(error) => assert!(fails && error.kind() == ErrorKind::Io),
                }
            }
            Step::Clear(which) => match self.caches[which].clear() {
                Ok(()) => self.stored.clear(),
                Err(_) => self.anything_may_be_gone(),
            },
            Step::Trim(which, left) => {
                let limits = Limits { max_entries: Some(left.into()), ..Limits::default() };
                if let Ok(trimmed) = self.caches[which].trim_to(&limits) {
                    assert!(trimmed.kept <= left.into());
                }
                self.anything_may_be_gone();
            }
            Step::Reopen(which) => self.caches[which] = open(self.folder.path(), &self.stores[which]),
            Step::Fault(which, fault) => self.stores[which].next.lock().unwrap().push(fault),
        }
    }

    fn anything_may_be_gone(&mut self) {
        for stored in self.stored.values_mut() {
            if let Stored::Value(value) = stored {
                *stored = Stored::Maybe(vec![*value]);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// With any fault, no value is stale or wrong, stored results hit, and removed results miss.
    #[test]
    fn a_cache_behaves_like_a_map_under_faults(steps in prop::collection::vec(step(), 1..60)) {
        let mut world = World::new();
        for step in steps {
            world.step(step);
        }
        // Without further faults, the caches agree again.
        world.stores.iter().for_each(|store| store.next.lock().unwrap().clear());
        for n in 0..4 {
            let (first, _) = world.call(0, n, true);
            prop_assert_eq!(world.call(1, n, false), (first, false));
            prop_assert_eq!(world.call(0, n, false), (first, false));
        }
        let all: Vec<_> = world.caches[0].entries().unwrap().collect();
        prop_assert_eq!(all.len(), 4);
        // A cache does not know what the other one has not flushed yet.
        world.caches.iter().for_each(|cache| cache.engine().flush_with_retries());
        world.caches[0].trim().unwrap();
        prop_assert_eq!(world.caches[1].stats().unwrap().entries, 4);
    }
}
