//! A pseudoterminal for a program to run in, and its screen.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::{Mode, OFlags, open};
use rustix::process::{ioctl_tiocsctty, setsid};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};
use vt100::{Parser, Screen};

/// The longest wait for the screen. It only ends tests that would hang: on a busy machine, programs may be slow.
const TIMEOUT: Duration = Duration::from_secs(120);

pub(crate) struct Terminal {
    child: Child,
    master: File,
    shown: Arc<(Mutex<Shown>, Condvar)>,
}

struct Shown {
    parser: Parser,
    /// Whether all programs in the terminal have ended.
    ended: bool,
}

impl Terminal {
    /// Runs a program in a terminal with this number of columns and rows.
    pub(crate) fn run(mut command: Command, (columns, rows): (u16, u16)) -> Terminal {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        tcsetwinsize(&master, size(columns, rows)).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap();
        let slave = open(name, OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty()).unwrap();
        let copy = || slave.try_clone().unwrap();
        command.env("TERM", "xterm-256color").stdin(copy()).stdout(copy()).stderr(copy());
        own_terminal(&mut command, copy());
        let child = command.spawn().unwrap();
        drop((command, slave));

        let shown = Shown { parser: Parser::new(rows, columns, 0), ended: false };
        let shown = Arc::new((Mutex::new(shown), Condvar::new()));
        let master = File::from(master);
        let (mut reader, writer) = (master.try_clone().unwrap(), shown.clone());
        thread::spawn(move || {
            let mut bytes = [0; 4096];
            // Reading fails when the last program has closed the terminal.
            while let Ok(count @ 1..) = reader.read(&mut bytes) {
                // The lock is poisoned if the test has failed.
                let Ok(mut shown) = writer.0.lock() else { return };
                shown.parser.process(&bytes[..count]);
                writer.1.notify_all();
            }
            if let Ok(mut shown) = writer.0.lock() {
                shown.ended = true;
            }
            writer.1.notify_all();
        });
        Terminal { child, master, shown }
    }

    pub(crate) fn press(&mut self, keys: &str) {
        self.master.write_all(keys.as_bytes()).unwrap();
    }

    pub(crate) fn resize(&self, columns: u16, rows: u16) {
        self.shown.0.lock().unwrap().parser.screen_mut().set_size(rows, columns);
        tcsetwinsize(&self.master, size(columns, rows)).unwrap();
    }

    /// Waits until the screen meets a condition. Returns the screen.
    #[track_caller]
    pub(crate) fn wait(&self, what: &str, is_so: impl Fn(&Screen) -> bool) -> Screen {
        self.wait_for(what, |shown| is_so(shown.parser.screen()))
    }

    /// Waits until the screen contains this text.
    #[track_caller]
    pub(crate) fn see(&self, text: &str) -> String {
        self.see_all(&[text])
    }

    /// Waits until the screen contains all of these texts.
    #[track_caller]
    pub(crate) fn see_all(&self, texts: &[&str]) -> String {
        let has_all = |screen: &Screen| texts.iter().all(|text| screen.contents().contains(text));
        self.wait(&format!("{texts:?}"), has_all).contents()
    }

    #[track_caller]
    fn wait_for(&self, what: &str, is_so: impl Fn(&Shown) -> bool) -> Screen {
        let start = Instant::now();
        let mut shown = self.shown.0.lock().unwrap();
        while !is_so(&shown) {
            let left = TIMEOUT.saturating_sub(start.elapsed());
            let screen = || shown.parser.screen().contents();
            assert!(!shown.ended, "it ended before: {what}\n{}", screen());
            assert!(!left.is_zero(), "never seen: {what}\n{}", screen());
            shown = self.shown.1.wait_timeout(shown, left).unwrap().0;
        }
        shown.parser.screen().clone()
    }

    /// Waits until the program ends. Returns its exit code, the screen, and whether the terminal is in cooked mode.
    #[track_caller]
    pub(crate) fn end(mut self) -> (Option<i32>, Screen, bool) {
        let start = Instant::now();
        let mut shown = self.shown.0.lock().unwrap();
        while !shown.ended {
            let left = TIMEOUT.saturating_sub(start.elapsed());
            assert!(!left.is_zero(), "it does not end\n{}", shown.parser.screen().contents());
            shown = self.shown.1.wait_timeout(shown, left).unwrap().0;
        }
        let screen = shown.parser.screen().clone();
        drop(shown);
        (self.child.wait().unwrap().code(), screen, self.is_cooked())
    }

    /// Returns whether the terminal echoes keys and passes them on line by line.
    pub(crate) fn is_cooked(&self) -> bool {
        let modes = tcgetattr(&self.master).unwrap().local_modes;
        modes.contains(LocalModes::ICANON | LocalModes::ECHO)
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn size(columns: u16, rows: u16) -> Winsize {
    Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 }
}

/// Makes this the controlling terminal of the program, so that the program is notified of new sizes.
#[allow(unsafe_code, reason = "code between fork and exec must be async-signal-safe")]
fn own_terminal(command: &mut Command, terminal: OwnedFd) {
    let take = move || {
        setsid()?;
        ioctl_tiocsctty(&terminal)?;
        Ok(())
    };
    // SAFETY: the closure makes two system calls, and neither allocates nor takes locks, so it may run in the one
    // thread that is left after a fork.
    unsafe { command.pre_exec(take) };
}
