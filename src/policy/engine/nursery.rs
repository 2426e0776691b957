//! The thread that starts workers and buries them. A worker dies with the *thread* that started it, so that thread must
//! live as long as the engine: one of a runtime's threads would not do.

use std::io;
use std::os::unix::net::UnixStream;
use std::sync::mpsc;

use tokio::sync::oneshot;

use super::WorkerProgram;
use crate::sys::process::{ProcessError, Worker, spawn_with_socket};

type Born = Result<(Worker, UnixStream), ProcessError>;

/// A way to the thread, which ends when this is dropped.
#[derive(Debug)]
pub(super) struct Nursery {
    orders: mpsc::Sender<Order>,
}

#[derive(Debug)]
enum Order {
    Start(WorkerProgram, oneshot::Sender<Born>),
    Bury(Worker),
}

impl Nursery {
    pub(super) fn open() -> io::Result<Self> {
        let (orders, inbox) = mpsc::channel();
        std::thread::Builder::new().name("policy-workers".to_owned()).spawn(move || {
            for order in inbox {
                match order {
                    Order::Start(program, reply) => {
                        // If nobody waits any more, the worker comes back in the error and is ended by its drop.
                        drop(reply.send(spawn_with_socket(&program.path, &program.args)));
                    }
                    Order::Bury(worker) => drop(worker),
                }
            }
        })?;
        Ok(Self { orders })
    }

    /// A new worker; `None` when the thread is gone.
    pub(super) async fn start(&self, program: &WorkerProgram) -> Option<Born> {
        let (reply, born) = oneshot::channel();
        self.orders.send(Order::Start(program.clone(), reply)).ok()?;
        born.await.ok()
    }

    /// Ends a worker, and waits for its end elsewhere.
    pub(super) fn bury(&self, worker: Worker) {
        // If the thread is gone, the worker comes back in the error and is ended by its drop.
        drop(self.orders.send(Order::Bury(worker)));
    }
}
