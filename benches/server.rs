//! What the benches share: a server of their own, and a keep-alive connection to it.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// `billhook dev` on free ports and a fresh folder.
pub struct Server {
    process: Child,
    /// Where the app listens.
    pub app: SocketAddr,
    /// Where its sandbox's Stripe listens.
    #[allow(dead_code, reason = "not every bench looks at it")]
    pub stripe: SocketAddr,
    /// Its data.
    pub folder: PathBuf,
}

impl Server {
    /// Starts it with these variables beside the caller's own, and waits until it answers.
    pub fn start(variables: &[(&str, &str)]) -> Self {
        let binary = std::env::var("BILLHOOK").expect("BILLHOOK names the release binary: use `./run bench`");
        let [app, stripe, oidc] = [free_address(), free_address(), free_address()];
        let folder = std::env::temp_dir().join(format!("billhook-bench-{}", std::process::id()));
        let process = Command::new(binary)
            .arg("dev")
            .env("BILLHOOK_ADDR", app.to_string())
            .env("SANDBOX_STRIPE_ADDR", stripe.to_string())
            .env("SANDBOX_OIDC_ADDR", oidc.to_string())
            .env("BILLHOOK_DATA", &folder)
            .env("RUST_LOG", "error")
            .envs(variables.iter().copied())
            .stdout(Stdio::null())
            .spawn()
            .expect("the binary starts");
        let server = Self { process, app, stripe, folder };
        let deadline = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect(app).is_err() {
            assert!(Instant::now() < deadline, "the server does not listen");
            std::thread::yield_now();
        }
        // It listens before its database is open: an answer says that this is done.
        let (head, _) = Connection::open(app).ask(b"GET /readyz HTTP/1.1\r\nhost: bench\r\n\r\n");
        assert!(head.starts_with("http/1.1 200"), "{head}");
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

/// A keep-alive connection: one request at a time.
pub struct Connection {
    stream: TcpStream,
    /// The last answer, whole.
    pub answer: Vec<u8>,
}

impl Connection {
    /// Connects.
    pub fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream, answer: Vec::with_capacity(1 << 16) }
    }

    /// Sends a request and answers with the head and the length of the whole answer.
    pub fn ask(&mut self, request: &[u8]) -> (String, usize) {
        self.stream.write_all(request).unwrap();
        self.answer.clear();
        let mut chunk = [0; 1 << 14];
        loop {
            let read = self.stream.read(&mut chunk).unwrap();
            assert!(read > 0, "the server closed the connection");
            self.answer.extend_from_slice(&chunk[..read]);
            if let Some(head) = complete(&self.answer) {
                return (head, self.answer.len());
            }
        }
    }
}

/// The head, if the whole answer is there.
fn complete(answer: &[u8]) -> Option<String> {
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let head = String::from_utf8_lossy(&answer[..end]).to_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.trim().parse::<usize>().ok());
    let done = match length {
        Some(length) => answer.len() >= end + length,
        None => answer.ends_with(b"0\r\n\r\n"),
    };
    done.then_some(head)
}
