//! Fault points on the path of publication: a test can make the system report an error there, or kill the process.

/// Does nothing, except in unit tests.
#[cfg(not(test))]
#[inline(always)]
pub(crate) fn point(_: &'static str) -> std::io::Result<()> {
    Ok(())
}

#[cfg(test)]
pub(crate) use script::point;

/// Faults to inject on this thread.
#[cfg(test)]
pub(crate) mod script {
    use std::cell::RefCell;
    use std::io;

    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(crate) enum Fault {
        Death,
        Error(io::ErrorKind),
    }

    #[derive(Default)]
    struct Script {
        passed: Vec<&'static str>,
        /// The number of points to pass before the fault, and the fault.
        at: Option<(usize, Fault)>,
    }

    thread_local! {
        static SCRIPT: RefCell<Script> = RefCell::default();
    }

    /// Runs `work`, with or without a fault. Also returns the points that it passed.
    pub(crate) fn run<T>(at: Option<(usize, Fault)>, work: impl FnOnce() -> T) -> (T, Vec<&'static str>) {
        SCRIPT.replace(Script { at, ..Script::default() });
        let value = work();
        (value, SCRIPT.take().passed)
    }

    pub(crate) fn point(name: &'static str) -> io::Result<()> {
        SCRIPT.with_borrow_mut(|script| {
            script.passed.push(name);
            match script.at {
                Some((at, fault)) if at + 1 == script.passed.len() => match fault {
                    Fault::Death => std::process::abort(),
                    Fault::Error(kind) => Err(kind.into()),
                },
                _ => Ok(()),
            }
        })
    }
}
