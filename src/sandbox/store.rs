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

/// Says when an object wants attention: on which clock (the empty one is the sandbox's) and at what
/// moment.
pub(crate) type DueAt = fn(kind: &str, object: &Value) -> Option<(String, i64)>;

/// An object that wants attention at a moment. At the same moment kinds go in alphabetical order,
/// objects of a kind in the order of their creation.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Due {
    /// The clock that decides.
    pub clock: String,
    /// When.
    pub at: i64,
    /// Collection of the object.
    pub kind: String,
    seq: u64,
}

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
    due_at: Option<DueAt>,
    due: BTreeSet<Due>,
    due_by_seq: HashMap<u64, Due>,
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

    /// The first object on a clock that wants attention by `until`.
    pub(crate) fn next_due(&self, clock: &str, until: i64) -> Option<&Due> {
        let from = Due { clock: clock.to_owned(), at: i64::MIN, kind: String::new(), seq: 0 };
        self.due.range(from..).next().filter(|due| due.clock == clock && due.at <= until)
    }

    /// Whether the object still wants attention at that very moment.
    pub(crate) fn is_due(&self, due: &Due) -> bool {
        self.due.contains(due)
    }

    /// When an object wants attention next.
    pub(crate) fn due_of(&self, kind: &str, id: &str) -> Option<i64> {
        let seq = self.collections.get(kind)?.seqs.get(id)?;
        Some(self.due_by_seq.get(seq)?.at)
    }

    /// Id of the object that wants attention.
    pub(crate) fn id_of(&self, due: &Due) -> Option<&str> {
        let (id, _) = self.collections.get(&due.kind)?.objects.get(&due.seq)?;
        Some(id)
    }

    fn put(&mut self, kind: &str, id: &str, seq: u64, value: Value) {
        self.next_seq = self.next_seq.max(seq + 1);
        if let Some(previous) = self.collections.get(kind).and_then(|all| all.seqs.get(id)).copied() {
            self.forget_due(previous);
        }
        if let Some((clock, at)) = self.due_at.and_then(|due_at| due_at(kind, &value)) {
            let due = Due { clock, at, kind: kind.to_owned(), seq };
            self.due_by_seq.insert(seq, due.clone());
            self.due.insert(due);
        }
        self.collections.entry(kind.to_owned()).or_default().put(id, seq, value);
    }

    fn remove(&mut self, kind: &str, id: &str) -> Option<(u64, Value)> {
        let removed = self.collections.get_mut(kind)?.remove(id)?;
        self.forget_due(removed.0);
        Some(removed)
    }

    fn forget_due(&mut self, seq: u64) {
        if let Some(due) = self.due_by_seq.remove(&seq) {
            self.due.remove(&due);
        }
    }

    fn apply(&mut self, change: Change) {
        self.next_seq = self.next_seq.max(change.seq + 1);
        match change.value {
            Some(value) => self.put(&change.kind, &change.id, change.seq, value),
            None => drop(self.remove(&change.kind, &change.id)),
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
    /// Opens the state in `folder`, or an empty one in memory. `due_at` keeps the index of what
    /// wants attention and when.
    pub(crate) fn open(folder: Option<&Path>, due_at: DueAt) -> Result<Self, Error> {
        let mut data = Data { due_at: Some(due_at), ..Data::default() };
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

/// A point within a transaction.
pub(crate) struct Mark {
    changes: usize,
    touched: BTreeSet<(u64, String, String)>,
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
        let (seq, before) = match data.collections.get(kind).and_then(|all| all.get(id)) {
            Some((seq, before)) => (seq, Some(before.clone())),
            None => (data.next_seq, None),
        };
        data.put(kind, id, seq, value);
        self.note(kind, id, seq, before);
    }

    /// Stops an object from wanting attention until it is written again.
    pub(crate) fn ignore(&mut self, due: &Due) {
        self.inner.data.forget_due(due.seq);
    }

    /// A point to which [`Transaction::undo_to`] can go back.
    pub(crate) fn mark(&mut self) -> Mark {
        Mark { changes: self.undo.len(), touched: std::mem::take(&mut self.touched) }
    }

    /// Takes back everything since a mark.
    pub(crate) fn undo_to(&mut self, mark: Mark) {
        for change in self.undo.split_off(mark.changes).into_iter().rev() {
            self.inner.data.apply(change);
        }
        self.touched = mark.touched;
    }

    /// Removes an object, if it is there.
    pub(crate) fn remove(&mut self, kind: &str, id: &str) {
        if let Some((seq, before)) = self.inner.data.remove(kind, id) {
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
