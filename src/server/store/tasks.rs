//! Where the tasks run that gather writes and commit them.
//!
//! On SQLite one group is written after the other, and each waits for the database a dozen times. Among the tasks that
//! answer requests every one of these waits would end at the back of a queue, and nothing would be written meanwhile:
//! so they have a thread of their own, which the system wakes at once.

use std::convert::Infallible;
use std::io;
use std::thread;

use tokio::runtime::{Builder, Handle};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// Where they run; cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct WritingTasks(Option<OwnThread>);

#[derive(Clone, Debug)]
struct OwnThread {
    runtime: Handle,
    /// The thread ends when nobody holds one of these.
    alive: mpsc::Sender<Infallible>,
}

impl WritingTasks {
    /// Among all others, where the database does the waiting.
    pub(super) fn among_others() -> Self {
        Self(None)
    }

    /// On a thread that they have to themselves. It ends with the last of them.
    ///
    /// # Errors
    ///
    /// Where the system gives no thread.
    pub(super) fn on_own_thread() -> io::Result<Self> {
        let (alive, mut ended) = mpsc::channel(1);
        let (started, runtime) = std::sync::mpsc::sync_channel(1);
        // The runtime is made and dropped there: among asynchronous tasks it must not be dropped.
        thread::Builder::new().name("writer".to_owned()).spawn(move || {
            match Builder::new_current_thread().enable_all().build() {
                Err(error) => drop(started.send(Err(error))),
                Ok(runtime) => {
                    drop(started.send(Ok(runtime.handle().clone())));
                    runtime.block_on(ended.recv());
                }
            }
        })?;
        let runtime = runtime.recv().map_err(io::Error::other)??;
        Ok(Self(Some(OwnThread { runtime, alive })))
    }

    /// Starts one.
    pub(super) fn spawn<F>(&self, task: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send,
    {
        let Some(OwnThread { runtime, alive }) = &self.0 else { return tokio::spawn(task) };
        let alive = alive.clone();
        runtime.spawn(async move {
            let done = task.await;
            drop(alive);
            done
        })
    }
}
