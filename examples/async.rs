//! `async` functions: a slow server is asked once for each page.
//!
//! The server is a part of this program, so no network is needed. It answers slowly, and its first answer for one page is
//! an error. Sixteen tasks ask for twelve pages, some for the same page at the same time.
//!
//! ```sh
//! cargo run --release --example async --features async     # run it twice
//! ```
#![expect(clippy::print_stdout, reason = "it is a program")]

use std::error::Error;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use indicatif::ProgressBar;
use larder::{Cache, memoize};
use serde::{Deserialize, Serialize};

static CACHE: LazyLock<Cache> =
    LazyLock::new(|| Cache::open(std::env::temp_dir().join("larder-async")).expect("the cache can be opened"));

/// Requests that the server has answered.
static REQUESTS: AtomicUsize = AtomicUsize::new(0);

#[derive(Serialize, Deserialize)]
struct Page {
    status: String,
    words: usize,
}

/// Gets one page. A page may be a day old. An error is never stored: the next call asks again.
#[memoize(cache = &CACHE, ignore(server), max_age = "1d")]
async fn fetch(path: String, server: SocketAddr) -> io::Result<Page> {
    let request = move || {
        let mut stream = TcpStream::connect(server)?;
        write!(stream, "GET {path} HTTP/1.0\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok::<_, io::Error>(answer)
    };
    let answer = tokio::task::spawn_blocking(request).await??;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(|| io::Error::other("no answer"))?;
    let status = head.lines().next().unwrap_or_default().to_owned();
    if !status.ends_with("200 OK") {
        return Err(io::Error::other(status));
    }
    Ok(Page { status, words: body.split_whitespace().count() })
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let server = start_server()?;
    let start = Instant::now();
    let bar = ProgressBar::new(16);
    let mut tasks = tokio::task::JoinSet::new();
    for task in 0..16 {
        let path = format!("/pages/{}", task % 12);
        tasks.spawn(async move {
            let (page, outcome) = fetch::call(path.clone(), server).outcome().await;
            (path, page, outcome.is_hit())
        });
    }
    let (mut hits, mut words, mut failed) = (0, 0, Vec::new());
    while let Some(task) = tasks.join_next().await {
        let (path, page, is_hit) = task?;
        hits += usize::from(is_hit);
        match page {
            Ok(page) => words += page.words,
            Err(error) => failed.push(format!("{path}: {error}")),
        }
        bar.inc(1);
    }
    bar.finish_and_clear();

    let requests = REQUESTS.load(Ordering::Relaxed);
    println!(
        "16 calls: {hits} hits; the server answered {requests} times; {words} words; done in {:.1?}",
        start.elapsed()
    );
    for failure in failed {
        println!("not stored, so the next run asks again: {failure}");
    }
    println!("the cache is in {}", CACHE.path().display());
    Ok(())
}

/// Starts a server that takes 300 ms for each page.
fn start_server() -> io::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || answer(stream));
        }
    });
    Ok(address)
}

fn answer(mut stream: TcpStream) -> io::Result<()> {
    let mut request = String::new();
    BufReader::new(&stream).read_line(&mut request)?;
    let path = request.split(' ').nth(1).unwrap_or_default();
    thread::sleep(Duration::from_millis(300));
    REQUESTS.fetch_add(1, Ordering::Relaxed);
    // It answers for page 7 at the second run: the first run stores all the others.
    if path == "/pages/7" && CACHE.stats().is_ok_and(|stats| stats.entries < 11) {
        return write!(stream, "HTTP/1.0 503 Service Unavailable\r\n\r\n");
    }
    let body = format!("This is the text of {path}. ").repeat(200);
    write!(stream, "HTTP/1.0 200 OK\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}
