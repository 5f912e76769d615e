//! The data of the page.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use larder::{Activity, Argument, Cache, Entry, FunctionInfo, Stats};
use serde::Serialize;

use crate::failure::Failure;
use crate::output::entry::without_path;
use crate::output::progress::Bar;

/// The most entries that are listed as largest, or as unreadable.
pub(crate) const MOST_LISTED: usize = 20;

const HOUR: u64 = 3600;
const DAY: u64 = 24 * HOUR;

/// Groups of ages, each with its upper limit in seconds.
const AGES: [(&str, u64); 6] = [
    ("under an hour", HOUR),
    ("under a day", DAY),
    ("under a week", 7 * DAY),
    ("under 30 days", 30 * DAY),
    ("under 90 days", 90 * DAY),
    ("older", u64::MAX),
];

/// The data of a cache: sizes in bytes, times in seconds since 1970.
#[derive(Serialize)]
pub(crate) struct Data {
    /// The version of this program.
    pub(crate) larder: &'static str,
    pub(crate) root: String,
    pub(crate) written: u64,
    pub(crate) stats: Stats,
    pub(crate) functions: Vec<Function>,
    pub(crate) activity: Vec<Activity>,
    /// The entries that were found; `stats` has the counted ones.
    pub(crate) found: Sum,
    pub(crate) ages: Vec<Age>,
    pub(crate) compressors: Vec<Compressor>,
    pub(crate) largest: Vec<Large>,
    pub(crate) unreadable: Unreadable,
}

/// A number of entries and their size.
#[derive(Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Sum {
    pub(crate) entries: u64,
    pub(crate) bytes: u64,
}

impl Sum {
    fn add(&mut self, bytes: u64) {
        self.entries += 1;
        self.bytes += bytes;
    }
}

#[derive(Serialize)]
pub(crate) struct Function {
    pub(crate) name: String,
    pub(crate) package: String,
    pub(crate) signature: String,
    pub(crate) entries: u64,
    pub(crate) bytes: u64,
    pub(crate) stats: Stats,
    /// The code that computed the latest entry; empty without entries.
    pub(crate) code: String,
    /// The number of different codes among the entries.
    pub(crate) codes: usize,
    pub(crate) current: Sum,
    pub(crate) older: Sum,
}

#[derive(Serialize)]
pub(crate) struct Age {
    pub(crate) name: &'static str,
    #[serde(flatten)]
    pub(crate) sum: Sum,
}

#[derive(Serialize)]
pub(crate) struct Compressor {
    pub(crate) name: String,
    pub(crate) entries: u64,
    /// Bytes of the values as they are stored, without the headers of the entries.
    pub(crate) stored: u64,
    /// Bytes of the values before compression.
    pub(crate) before: u64,
}

#[derive(Serialize)]
pub(crate) struct Large {
    pub(crate) key: String,
    pub(crate) function: String,
    pub(crate) arguments: Vec<Argument>,
    pub(crate) size: u64,
    pub(crate) compressor: String,
    pub(crate) created: u64,
    /// Seconds that the function took.
    pub(crate) took: f64,
}

#[derive(Default, Serialize)]
pub(crate) struct Unreadable {
    #[serde(flatten)]
    pub(crate) sum: Sum,
    /// The first of them.
    pub(crate) some: Vec<Fault>,
}

#[derive(Serialize)]
pub(crate) struct Fault {
    pub(crate) path: String,
    pub(crate) fault: String,
    pub(crate) size: u64,
}

/// The entries of one code, and when the latest was computed.
#[derive(Clone, Copy)]
struct OfCode {
    sum: Sum,
    latest: SystemTime,
}

/// Sums over all entries. Of the entries, only the largest are kept in memory.
struct Sums {
    now: SystemTime,
    found: Sum,
    ages: [Sum; AGES.len()],
    compressors: BTreeMap<String, Compressor>,
    codes: HashMap<PathBuf, BTreeMap<String, OfCode>>,
    largest: Vec<Entry>,
    unreadable: Unreadable,
}

/// Reads the counters, and the header of each entry.
pub(crate) fn gather(cache: &Cache) -> Result<Data, Failure> {
    let now = SystemTime::now();
    let stats = cache.stats()?;
    let mut sums = Sums::new(now);
    let bar = Bar::new("reading");
    for (done, entry) in (1..).zip(cache.entries()?) {
        sums.add(entry);
        bar.set(done, stats.entries.max(done));
    }
    let functions = cache.functions()?.into_iter().map(|function| sums.function(function)).collect();
    let ages = AGES.iter().zip(sums.ages).map(|(&(name, _), sum)| Age { name, sum }).collect();
    Ok(Data {
        larder: env!("CARGO_PKG_VERSION"),
        root: cache.path().display().to_string(),
        written: seconds(now),
        stats,
        functions,
        activity: cache.activity()?,
        found: sums.found,
        ages,
        compressors: sums.compressors.into_values().collect(),
        largest: sums.largest.into_iter().map(Large::of).collect(),
        unreadable: sums.unreadable,
    })
}

impl Sums {
    fn new(now: SystemTime) -> Self {
        Sums {
            now,
            found: Sum::default(),
            ages: Default::default(),
            compressors: BTreeMap::new(),
            codes: HashMap::new(),
            largest: Vec::with_capacity(MOST_LISTED + 1),
            unreadable: Unreadable::default(),
        }
    }

    fn add(&mut self, entry: Entry) {
        self.found.add(entry.size);
        if let Some(fault) = entry.fault {
            self.unreadable.sum.add(entry.size);
            if self.unreadable.some.len() < MOST_LISTED {
                // The page shows the path in another column.
                let fault = without_path(&fault, &entry.path).to_owned();
                let path = entry.path.display().to_string();
                self.unreadable.some.push(Fault { path, fault, size: entry.size });
            }
            return;
        }
        // Times in the future count as now.
        let age = self.now.duration_since(entry.created).unwrap_or_default().as_secs();
        if let Some(index) = AGES.iter().position(|(_, limit)| age < *limit) {
            self.ages[index].add(entry.size);
        }
        let name = &entry.compressor;
        if !self.compressors.contains_key(name) {
            let none = Compressor { name: name.clone(), entries: 0, stored: 0, before: 0 };
            self.compressors.insert(name.clone(), none);
        }
        if let Some(compressor) = self.compressors.get_mut(name) {
            compressor.entries += 1;
            compressor.stored += entry.size.saturating_sub(entry.payload_at);
            compressor.before += entry.document_size;
        }
        self.add_code(&entry);
        let order = |entry: &Entry| (u64::MAX - entry.size, entry.key);
        let at = self.largest.partition_point(|larger| order(larger) < order(&entry));
        if at < MOST_LISTED {
            self.largest.insert(at, entry);
            self.largest.truncate(MOST_LISTED);
        }
    }

    fn add_code(&mut self, entry: &Entry) {
        let codes = self.codes.entry(entry.folder()).or_default();
        if !codes.contains_key(&entry.code) {
            codes.insert(entry.code.clone(), OfCode { sum: Sum::default(), latest: UNIX_EPOCH });
        }
        if let Some(code) = codes.get_mut(&entry.code) {
            code.sum.add(entry.size);
            code.latest = code.latest.max(entry.created);
        }
    }

    /// Returns the data of a function, with the sums over its entries.
    fn function(&self, function: FunctionInfo) -> Function {
        let codes = self.codes.get(&function.path);
        // The code that was used last if it has entries, else the code of the latest entry.
        let rank = |(name, code): &(&String, &OfCode)| (**name == function.code, code.latest);
        let current = codes.and_then(|codes| codes.iter().max_by_key(rank));
        let all = codes.into_iter().flat_map(BTreeMap::values);
        let (entries, bytes) = all.fold((0, 0), |sum, code| (sum.0 + code.sum.entries, sum.1 + code.sum.bytes));
        let (code, current) = current.map_or((String::new(), Sum::default()), |(name, code)| (name.clone(), code.sum));
        Function {
            name: function.name,
            package: function.package,
            signature: function.signature,
            entries: function.entries,
            bytes: function.bytes,
            stats: function.stats,
            code,
            codes: codes.map_or(0, BTreeMap::len),
            current,
            older: Sum { entries: entries - current.entries, bytes: bytes - current.bytes },
        }
    }
}

impl Large {
    fn of(entry: Entry) -> Self {
        Large {
            key: entry.key.to_string(),
            function: entry.function,
            arguments: entry.arguments,
            size: entry.size,
            compressor: entry.compressor,
            created: seconds(entry.created),
            took: entry.took.as_secs_f64(),
        }
    }
}

pub(crate) fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}
