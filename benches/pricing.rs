//! The pricing page: bytes of a first visit, and pages a second on one worker thread, as a ratio to the same server's
//! plainest answer in the same run. Start it with `./run bench`.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a bench fails by panicking")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Connections that ask at the same time.
const CONNECTIONS: usize = 8;
/// How long each round measures.
const ROUND: Duration = Duration::from_secs(3);
/// Rounds alternate between page and floor; the median counts.
const ROUNDS: usize = 5;

/// A server of its own, on free ports and a fresh folder.
struct Server {
    process: Child,
    address: SocketAddr,
    folder: std::path::PathBuf,
}

impl Server {
    fn start() -> Self {
        let binary = std::env::var("BILLHOOK").expect("BILLHOOK names the release binary: use `./run bench`");
        let [app, stripe, oidc] = [free_address(), free_address(), free_address()];
        let folder = std::env::temp_dir().join(format!("billhook-bench-{}", std::process::id()));
        let process = Command::new(binary)
            .arg("dev")
            .env("BILLHOOK_ADDR", app.to_string())
            .env("SANDBOX_STRIPE_ADDR", stripe.to_string())
            .env("SANDBOX_OIDC_ADDR", oidc.to_string())
            .env("BILLHOOK_DATA", &folder)
            .env("TOKIO_WORKER_THREADS", "1")
            .env("RUST_LOG", "error")
            .stdout(Stdio::null())
            .spawn()
            .expect("the binary starts");
        let server = Self { process, address: app, folder };
        let deadline = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect(app).is_err() {
            assert!(Instant::now() < deadline, "the server does not listen");
            std::thread::yield_now();
        }
        server
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Both can only fail where there is nothing left to end or to remove.
        drop(self.process.kill());
        drop(self.process.wait());
        drop(std::fs::remove_dir_all(&self.folder));
    }
}

fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// A keep-alive connection that asks for one path again and again.
struct Asker {
    stream: TcpStream,
    request: Vec<u8>,
    buffer: Vec<u8>,
}

impl Asker {
    fn new(address: SocketAddr, path: &str, encoding: &str) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        let request = format!(
            "GET {path} HTTP/1.1\r\nhost: {address}\r\naccept: text/html\r\naccept-encoding: {encoding}\r\n\r\n"
        );
        Self { stream, request: request.into_bytes(), buffer: Vec::with_capacity(1 << 16) }
    }

    /// Asks once and answers with the head and the length of the whole answer.
    fn ask(&mut self) -> (String, usize) {
        self.stream.write_all(&self.request).unwrap();
        self.buffer.clear();
        let mut chunk = [0; 1 << 14];
        loop {
            let read = self.stream.read(&mut chunk).unwrap();
            assert!(read > 0, "the server closed the connection");
            self.buffer.extend_from_slice(&chunk[..read]);
            if let Some(head) = complete(&self.buffer) {
                return (head, self.buffer.len());
            }
        }
    }
}

/// The head, if the whole answer is there.
fn complete(buffer: &[u8]) -> Option<String> {
    let end = buffer.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let head = String::from_utf8_lossy(&buffer[..end]).to_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.trim().parse::<usize>().ok());
    let done = match length {
        Some(length) => buffer.len() >= end + length,
        None => buffer.ends_with(b"0\r\n\r\n"),
    };
    done.then_some(head)
}

/// Answers a second over all connections.
fn rate(address: SocketAddr, path: &'static str) -> u32 {
    let until = Instant::now() + ROUND;
    let askers: Vec<_> = (0..CONNECTIONS)
        .map(|_| {
            std::thread::spawn(move || {
                let mut asker = Asker::new(address, path, "identity");
                let mut answers = 0_u32;
                while Instant::now() < until {
                    let (head, _) = asker.ask();
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
        let mut asker = Asker::new(address, "/pricing", "identity");
        asker.ask();
        String::from_utf8_lossy(&asker.buffer).into_owned()
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
            let (head, bytes) = Asker::new(address, &path, "br").ask();
            assert!(head.starts_with("http/1.1 200"), "{path}: {head}");
            (path, bytes)
        })
        .collect()
}

fn main() {
    let server = Server::start();
    let visit = first_visit(server.address);
    println!("first visit to /pricing, bytes on the wire (brotli, with headers)");
    for (path, bytes) in &visit {
        println!("  {bytes:>8}  {path}");
    }
    let total: usize = visit.iter().map(|(_, bytes)| bytes).sum();
    println!("  {total:>8}  altogether ({} % of 100 kB)", total / 1000);

    let (mut pages, mut floors) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        pages.push(rate(server.address, "/pricing"));
        floors.push(rate(server.address, "/healthz"));
    }
    let (page, floor) = (median(pages), median(floors));
    println!("/pricing rendered for each request, one worker thread: {page} a second");
    println!("/healthz, the same server's plainest answer:           {floor} a second");
    println!("a page costs as much as {}.{} plain answers", floor / page.max(1), floor * 10 / page.max(1) % 10);
}
