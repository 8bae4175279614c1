//! Gathers what comes in while a write is under way, so that the next one writes it together: a burst costs a few
//! statements instead of a transaction each, on either engine.

use std::fmt;
use std::sync::Arc;

use tokio::sync::{Mutex, mpsc, oneshot};
use tokio::task::JoinHandle;

use super::Error;
use super::tasks::WritingTasks;

/// How many items are written together at most.
const GROUP: usize = 256;

/// An item, and who waits for its outcome.
type Waiting<T, R> = (T, oneshot::Sender<Result<R, Error>>);

/// The way in; `None` once closed.
type Queue<T, R> = Mutex<Option<mpsc::Sender<Waiting<T, R>>>>;

/// Where items queue; cheap to clone.
pub(super) struct Gathering<T, R> {
    queue: Arc<Queue<T, R>>,
    /// The task that writes, to be waited for when closing.
    task: Arc<Mutex<Option<JoinHandle<()>>>>,
}

impl<T, R> Clone for Gathering<T, R> {
    fn clone(&self) -> Self {
        Self { queue: Arc::clone(&self.queue), task: Arc::clone(&self.task) }
    }
}

impl<T, R> fmt::Debug for Gathering<T, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Gathering")
    }
}

impl<T: Send + 'static, R: Send + 'static> Gathering<T, R> {
    /// `write` is given a group and answers for each of its items, in order.
    pub(super) fn open<W, F>(tasks: &WritingTasks, write: W) -> Self
    where
        W: Fn(Vec<T>) -> F + Send + 'static,
        F: Future<Output = Vec<Result<R, Error>>> + Send,
    {
        let (queue, mut waiting) = mpsc::channel(GROUP);
        let task = tasks.spawn(async move {
            let mut group = Vec::with_capacity(GROUP);
            while waiting.recv_many(&mut group, GROUP).await > 0 {
                let (items, answers): (Vec<T>, Vec<_>) = group.drain(..).unzip();
                for (answer, outcome) in answers.into_iter().zip(write(items).await) {
                    // The caller may have gone away; what was written stands all the same.
                    drop::<Result<(), _>>(oneshot::Sender::send(answer, outcome));
                }
            }
        });
        Self { queue: Arc::new(Mutex::new(Some(queue))), task: Arc::new(Mutex::new(Some(task))) }
    }

    /// Puts an item in; when this returns, what came of it is on the disk.
    pub(super) async fn put(&self, item: T) -> Result<R, Error> {
        let queue = self.queue.lock().await.clone().ok_or(Error::Closed)?;
        let (answer, answered) = oneshot::channel();
        queue.send((item, answer)).await.map_err(|_| Error::Closed)?;
        answered.await.map_err(|_| Error::Closed)?
    }

    /// Writes what has come and closes.
    pub(super) async fn close(&self) {
        self.queue.lock().await.take();
        if let Some(task) = self.task.lock().await.take()
            && let Err(error) = task.await
        {
            tracing::error!(%error, "a gathering ended badly");
        }
    }
}
