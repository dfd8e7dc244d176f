//! One cell per instance: its newest snapshot, and whose turn it is to write.
//!
//! In: ids. Out: snapshots for readers; a [`Turn`] for the one writer, in arrival order.
//! A shard's lock is held to clone or swap an `Arc` and never longer. An uncontended writer
//! neither waits nor allocates.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use dashmap::DashMap;
use dashmap::mapref::entry::Entry;
use tokio::sync::oneshot;
use uuid::Uuid;

use crate::environment::Instances;
use crate::instance::Instance;

/// All cells of an engine.
#[derive(Debug, Default)]
pub(super) struct Cells {
    map: DashMap<Uuid, Cell, foldhash::fast::RandomState>,
    /// Beside the map, whose `len` would lock every shard.
    count: AtomicUsize,
}

#[derive(Debug)]
struct Cell {
    /// None while the instance is being made: readers do not see it yet.
    snapshot: Option<Arc<Instance>>,
    /// Who waits, in order. The list is made by the first who has to.
    #[expect(
        clippy::box_collection,
        reason = "a cell is kept for every instance, and mostly nobody waits"
    )]
    waiting: Option<Box<VecDeque<oneshot::Sender<Turn>>>>,
    busy: bool,
}

/// The right to write one instance. Dropped without [`Turn::publish`], nothing changes.
#[derive(Debug)]
pub(super) struct Turn {
    cells: Arc<Cells>,
    id: Uuid,
    /// The snapshot that stands; none while the instance is being made.
    before: Option<Arc<Instance>>,
    /// What the cell will hold when the turn ends.
    after: Option<Arc<Instance>>,
    ended: bool,
}

/// Why there is no turn.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum NoTurn {
    /// There is no such instance, or it went while waiting.
    Gone,
    /// So many wait already.
    Busy(usize),
}

/// What an attempt to reserve an id came to.
#[derive(Debug)]
pub(super) enum Reservation {
    /// The id is reserved.
    Reserved(Turn),
    /// It is taken.
    Taken,
    /// It is being taken or deleted now, and so many wait for the outcome already.
    Busy(usize),
    /// As many instances as there may be.
    Full,
}

enum Place {
    Turn(Turn),
    Wait(oneshot::Receiver<Turn>),
}

impl Cells {
    /// The newest snapshot.
    pub(super) fn get(&self, id: Uuid) -> Option<Arc<Instance>> {
        self.map.get(&id)?.snapshot.clone()
    }

    /// How many instances there are, those being made included.
    pub(super) fn len(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// Waits for the turn to write the instance, behind at most `max` others.
    pub(super) async fn turn(self: &Arc<Self>, id: Uuid, max: usize) -> Result<Turn, NoTurn> {
        let place = {
            let mut cell = self.map.get_mut(&id).ok_or(NoTurn::Gone)?;
            if cell.snapshot.is_none() {
                return Err(NoTurn::Gone);
            }
            self.line_up(&mut cell, id, max)?
        };
        match place {
            Place::Turn(turn) => Ok(turn),
            Place::Wait(receiver) => receiver.await.map_err(|_| NoTurn::Gone),
        }
    }

    /// Reserves an id for a new instance, if there are fewer than `instances_max`. Waits for the
    /// outcome where another is just being made under the id.
    pub(super) async fn reserve(
        self: &Arc<Self>,
        id: Uuid,
        instances_max: usize,
        max: usize,
    ) -> Reservation {
        loop {
            let receiver = match self.map.entry(id) {
                Entry::Vacant(vacant) => {
                    if !self.count_one(instances_max) {
                        return Reservation::Full;
                    }
                    vacant.insert(Cell {
                        snapshot: None,
                        waiting: None,
                        busy: true,
                    });
                    return Reservation::Reserved(Turn::new(Arc::clone(self), id, None));
                }
                Entry::Occupied(mut occupied) => {
                    let cell = occupied.get_mut();
                    if cell.snapshot.is_some() {
                        return Reservation::Taken;
                    }
                    match self.line_up(cell, id, max) {
                        Ok(Place::Wait(receiver)) => receiver,
                        // A cell without a snapshot is busy, so nobody gets a turn of it here.
                        Ok(Place::Turn(_)) => return Reservation::Taken,
                        Err(NoTurn::Busy(waiting)) => return Reservation::Busy(waiting),
                        Err(NoTurn::Gone) => continue,
                    }
                }
            };
            // A turn means that it was made; none, that it was not and the id is free again.
            if receiver.await.is_ok() {
                return Reservation::Taken;
            }
        }
    }

    fn line_up(self: &Arc<Self>, cell: &mut Cell, id: Uuid, max: usize) -> Result<Place, NoTurn> {
        if !cell.busy {
            cell.busy = true;
            return Ok(Place::Turn(Turn::new(
                Arc::clone(self),
                id,
                cell.snapshot.clone(),
            )));
        }
        let waiting = cell.waiting.get_or_insert_default();
        if waiting.len() >= max {
            // Those who have given up keep no place.
            waiting.retain(|waiter| !waiter.is_closed());
        }
        if waiting.len() >= max {
            return Err(NoTurn::Busy(waiting.len()));
        }
        let (sender, receiver) = oneshot::channel();
        waiting.push_back(sender);
        Ok(Place::Wait(receiver))
    }

    fn count_one(&self, max: usize) -> bool {
        let count = |count| (count < max).then_some(count + 1);
        let counted = self
            .count
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, count);
        counted.is_ok()
    }

    /// Puts what the turn leaves into the cell and hands the turn on.
    fn end(self: &Arc<Self>, id: Uuid, after: Option<&Arc<Instance>>) {
        let Some(after) = after else {
            // Who waits sees its sender dropped: gone.
            if self.map.remove(&id).is_some() {
                self.count.fetch_sub(1, Ordering::Relaxed);
            }
            return;
        };
        loop {
            let next = {
                let Some(mut cell) = self.map.get_mut(&id) else {
                    return;
                };
                if !cell
                    .snapshot
                    .as_ref()
                    .is_some_and(|old| Arc::ptr_eq(old, after))
                {
                    cell.snapshot = Some(Arc::clone(after));
                }
                let next = cell.waiting.as_mut().and_then(|line| line.pop_front());
                if next.is_none() {
                    cell.waiting = None;
                    cell.busy = false;
                }
                next
            };
            let Some(next) = next else {
                return;
            };
            let turn = Turn::new(Arc::clone(self), id, Some(Arc::clone(after)));
            match next.send(turn) {
                Ok(()) => return,
                // It has given up; its turn must not end a second time when it is dropped here.
                Err(mut turn) => turn.ended = true,
            }
        }
    }
}

impl Instances for Cells {
    fn find(&self, id: Uuid) -> Option<Arc<Instance>> {
        self.get(id)
    }
}

impl Turn {
    fn new(cells: Arc<Cells>, id: Uuid, before: Option<Arc<Instance>>) -> Self {
        Self {
            cells,
            id,
            after: before.clone(),
            before,
            ended: false,
        }
    }

    /// The snapshot that stands; none while the instance is being made.
    pub(super) fn before(&self) -> Option<&Arc<Instance>> {
        self.before.as_ref()
    }

    /// Ends the turn: `after` is what stands from now on, none that the instance is gone.
    pub(super) fn publish(mut self, after: Option<Arc<Instance>>) {
        self.after = after;
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if !self.ended {
            self.cells.end(self.id, self.after.as_ref());
        }
    }
}
