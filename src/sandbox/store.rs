//! Every object of the sandbox, in memory, changed only in transactions that are journaled whole.
//!
//! Collections keep the order of creation (Stripe lists newest first and its timestamps have one
//! second's resolution). The store knows neither Stripe nor `OpenID`.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::Value;
use tokio::sync::watch;

use crate::Error;
use crate::calendar;
use crate::journal::{Change, Journal};
use crate::json::Json;

const CLOCK: &str = "_clock";

#[derive(Default)]
struct Collection {
    seqs: HashMap<String, u64>,
    objects: BTreeMap<u64, (String, Value)>,
}

impl Collection {
    fn get(&self, id: &str) -> Option<(u64, &Value)> {
        let seq = *self.seqs.get(id)?;
        self.objects.get(&seq).map(|(_, value)| (seq, value))
    }

    fn put(&mut self, id: &str, seq: u64, value: Value) {
        if let Some(previous) = self.seqs.insert(id.to_owned(), seq)
            && previous != seq
        {
            self.objects.remove(&previous);
        }
        self.objects.insert(seq, (id.to_owned(), value));
    }

    fn remove(&mut self, id: &str) -> Option<(u64, Value)> {
        let seq = self.seqs.remove(id)?;
        self.objects.remove(&seq).map(|(_, value)| (seq, value))
    }
}

/// The objects, readable by anybody who holds the lock.
#[derive(Default)]
pub(crate) struct Data {
    collections: HashMap<String, Collection>,
    next_seq: u64,
}

impl Data {
    /// The object `id` in `kind`.
    pub(crate) fn get(&self, kind: &str, id: &str) -> Option<&Value> {
        Some(self.collections.get(kind)?.get(id)?.1)
    }

    /// All of a kind, newest first.
    pub(crate) fn newest(&self, kind: &str) -> impl Iterator<Item = &Value> + use<'_> {
        self.collections.get(kind).into_iter().flat_map(|all| all.objects.values().rev().map(|(_, value)| value))
    }

    /// All of a kind with their ids, oldest first.
    pub(crate) fn oldest(&self, kind: &str) -> impl Iterator<Item = (&str, &Value)> + use<'_> {
        self.collections
            .get(kind)
            .into_iter()
            .flat_map(|all| all.objects.values().map(|(id, value)| (id.as_str(), value)))
    }

    /// Number of objects of a kind.
    pub(crate) fn count(&self, kind: &str) -> usize {
        self.collections.get(kind).map_or(0, |all| all.objects.len())
    }

    /// The sandbox clock: the wall clock plus what the control API added.
    pub(crate) fn now(&self) -> i64 {
        calendar::wall() + self.clock_offset()
    }

    /// Seconds that the sandbox clock is ahead of the wall clock.
    pub(crate) fn clock_offset(&self) -> i64 {
        self.get(CLOCK, CLOCK).map_or(0, |clock| clock.int("offset"))
    }

    fn apply(&mut self, change: Change) {
        self.next_seq = self.next_seq.max(change.seq + 1);
        let all = self.collections.entry(change.kind).or_default();
        match change.value {
            Some(value) => all.put(&change.id, change.seq, value),
            None => drop(all.remove(&change.id)),
        }
    }

    fn change(&self, kind: &str, id: &str, seq: u64) -> Change {
        Change { kind: kind.to_owned(), id: id.to_owned(), seq, value: self.get(kind, id).cloned() }
    }

    fn everything(&self) -> impl Iterator<Item = Change> + use<'_> {
        let mut all: Vec<_> = self
            .collections
            .iter()
            .flat_map(|(kind, all)| all.objects.iter().map(move |(seq, (id, _))| (*seq, kind.as_str(), id.as_str())))
            .collect();
        all.sort_unstable();
        all.into_iter().map(|(seq, kind, id)| self.change(kind, id, seq))
    }
}

struct Inner {
    data: Data,
    journal: Option<Journal>,
}

/// The shared store.
pub(crate) struct Store {
    inner: Mutex<Inner>,
    changed: watch::Sender<u64>,
}

impl Store {
    /// Opens the state in `folder`, or an empty one in memory.
    pub(crate) fn open(folder: Option<&Path>) -> Result<Self, Error> {
        let mut data = Data::default();
        let journal = match folder {
            None => None,
            Some(folder) => {
                for change in Journal::replay(folder)?.into_iter().flatten() {
                    data.apply(change);
                }
                Some(Journal::compacted(folder, data.everything())?)
            }
        };
        Ok(Self { inner: Mutex::new(Inner { data, journal }), changed: watch::Sender::new(0) })
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at the objects.
    pub(crate) fn read<T>(&self, look: impl FnOnce(&Data) -> T) -> T {
        look(&self.lock().data)
    }

    /// Starts a transaction; nobody else reads or writes until it ends. Dropped without
    /// [`Transaction::commit`] it leaves no trace.
    pub(crate) fn begin(&self) -> Transaction<'_> {
        Transaction { inner: self.lock(), changed: &self.changed, undo: Vec::new(), touched: BTreeSet::new() }
    }

    /// One change that cannot fail but for the disk.
    pub(crate) fn write<T>(&self, change: impl FnOnce(&mut Transaction<'_>) -> T) -> Result<T, Error> {
        let mut transaction = self.begin();
        let outcome = change(&mut transaction);
        transaction.commit()?;
        Ok(outcome)
    }

    /// Tells of every committed transaction.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// Wakes those who wait for changes although nothing was written.
    pub(crate) fn nudge(&self) {
        self.changed.send_modify(|version| *version += 1);
    }
}

/// Changes that happen together or not at all.
pub(crate) struct Transaction<'s> {
    inner: MutexGuard<'s, Inner>,
    changed: &'s watch::Sender<u64>,
    undo: Vec<Change>,
    touched: BTreeSet<(u64, String, String)>,
}

impl Transaction<'_> {
    /// The objects as this transaction sees them.
    pub(crate) fn data(&self) -> &Data {
        &self.inner.data
    }

    /// Writes an object; a new one goes to the end of its collection.
    pub(crate) fn put(&mut self, kind: &str, id: &str, value: Value) {
        let data = &mut self.inner.data;
        let next = data.next_seq;
        let all = data.collections.entry(kind.to_owned()).or_default();
        let (seq, before) = match all.get(id) {
            Some((seq, before)) => (seq, Some(before.clone())),
            None => (next, None),
        };
        all.put(id, seq, value);
        data.next_seq = data.next_seq.max(seq + 1);
        self.note(kind, id, seq, before);
    }

    /// Removes an object, if it is there.
    pub(crate) fn remove(&mut self, kind: &str, id: &str) {
        let removed = self.inner.data.collections.get_mut(kind).and_then(|all| all.remove(id));
        if let Some((seq, before)) = removed {
            self.note(kind, id, seq, Some(before));
        }
    }

    fn note(&mut self, kind: &str, id: &str, seq: u64, before: Option<Value>) {
        self.touched.insert((seq, kind.to_owned(), id.to_owned()));
        self.undo.push(Change { kind: kind.to_owned(), id: id.to_owned(), seq, value: before });
    }

    /// Moves the sandbox clock forward.
    pub(crate) fn advance_clock(&mut self, seconds: i64) {
        let offset = self.data().clock_offset().saturating_add(seconds);
        self.put(CLOCK, CLOCK, serde_json::json!({ "offset": offset }));
    }

    /// Writes the journal, then lets the change be seen.
    pub(crate) fn commit(mut self) -> Result<(), Error> {
        if self.touched.is_empty() {
            return Ok(());
        }
        let batch: Vec<Change> =
            self.touched.iter().map(|(seq, kind, id)| self.inner.data.change(kind, id, *seq)).collect();
        if let Some(journal) = &mut self.inner.journal {
            journal.append(&batch)?;
        }
        self.undo.clear();
        self.changed.send_modify(|version| *version += 1);
        Ok(())
    }
}

impl Drop for Transaction<'_> {
    fn drop(&mut self) {
        for change in std::mem::take(&mut self.undo).into_iter().rev() {
            self.inner.data.apply(change);
        }
    }
}
