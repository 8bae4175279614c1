//! The pricing page: bytes of a first visit, and pages a second on one worker thread, as a ratio to the same server's
//! plainest answer in the same run. Start it with `./run bench`.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a bench fails by panicking")]

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use server::{Connection, Server};

mod server;

/// Connections that ask at the same time.
const CONNECTIONS: usize = 8;
/// How long each round measures.
const ROUND: Duration = Duration::from_secs(3);
/// Rounds alternate between page and floor; the median counts.
const ROUNDS: usize = 5;

fn request(address: SocketAddr, path: &str, encoding: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nhost: {address}\r\naccept: text/html\r\naccept-encoding: {encoding}\r\n\r\n")
        .into_bytes()
}

/// Answers a second over all connections.
fn rate(address: SocketAddr, path: &'static str) -> u32 {
    let until = Instant::now() + ROUND;
    let askers: Vec<_> = (0..CONNECTIONS)
        .map(|_| {
            std::thread::spawn(move || {
                let (mut connection, request) = (Connection::open(address), request(address, path, "identity"));
                let mut answers = 0_u32;
                while Instant::now() < until {
                    let (head, _) = connection.ask(&request);
                    assert!(head.starts_with("http/1.1 200"), "{head}");
                    answers += 1;
                }
                answers
            })
        })
        .collect();
    let answers: u32 = askers.into_iter().map(|asker| asker.join().unwrap()).sum();
    answers / u32::try_from(ROUND.as_secs()).unwrap()
}

fn median(mut rates: Vec<u32>) -> u32 {
    rates.sort_unstable();
    rates[rates.len() / 2]
}

/// Every file that a first visit loads, with its bytes on the wire.
fn first_visit(address: SocketAddr) -> Vec<(String, usize)> {
    let page = {
        let mut connection = Connection::open(address);
        connection.ask(&request(address, "/pricing", "identity"));
        String::from_utf8_lossy(&connection.answer).into_owned()
    };
    let mut paths = vec!["/pricing".to_owned()];
    for attribute in page.split("href=\"").skip(1) {
        let path = attribute.split('"').next().unwrap_or_default();
        if path.starts_with("/pkg/") || path == "/favicon.svg" {
            paths.push(path.to_owned());
        }
    }
    paths.dedup();
    paths
        .into_iter()
        .map(|path| {
            let (head, bytes) = Connection::open(address).ask(&request(address, &path, "br"));
            assert!(head.starts_with("http/1.1 200"), "{path}: {head}");
            (path, bytes)
        })
        .collect()
}

fn main() {
    let server = Server::start(&[("TOKIO_WORKER_THREADS", "1")]);
    let visit = first_visit(server.app);
    println!("first visit to /pricing, bytes on the wire (brotli, with headers)");
    for (path, bytes) in &visit {
        println!("  {bytes:>8}  {path}");
    }
    let total: usize = visit.iter().map(|(_, bytes)| bytes).sum();
    println!("  {total:>8}  altogether ({} % of 100 kB)", total / 1000);

    let (mut pages, mut floors) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        pages.push(rate(server.app, "/pricing"));
        floors.push(rate(server.app, "/healthz"));
    }
    let (page, floor) = (median(pages), median(floors));
    println!("/pricing rendered for each request, one worker thread: {page} a second");
    println!("/healthz, the same server's plainest answer:           {floor} a second");
    println!("a page costs as much as {}.{} plain answers", floor / page.max(1), floor * 10 / page.max(1) % 10);
}
