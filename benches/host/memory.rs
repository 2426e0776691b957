//! The memory of an idle host, and of connections on which nothing is asked any more, against nginx.

use crate::baselines;
use crate::figures::{ROUNDS, print};
use crate::load::Client;
use crate::processes::{Place, memory};
use crate::reeve::{Reeve, health};

const CONNECTIONS: usize = 1000;

pub(crate) async fn measure() {
    let (mut ours, mut nginxs, mut each, mut nginx_each) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let reeve = Reeve::up(Place::Anywhere).await;
    for _ in 0..ROUNDS {
        // A server that had connections before keeps some of their memory: each round has new ones.
        reeve.restart("front").await;
        ours.push(memory(&reeve.processes()) / 1024.0);
        each.push(for_each_connection(&reeve.client(), &reeve.front()).await);
        let (nginx, client) = baselines::nginx(Place::Anywhere);
        client.until_right(&health()).await;
        nginxs.push(memory(&nginx.processes()) / 1024.0);
        nginx_each.push(for_each_connection(&client, &nginx.processes()).await);
    }
    print("idle_memory_of_all_processes", (&ours, "MiB"), &nginxs, "<= 40 MiB");
    print("memory_of_an_idle_connection", (&each, "KiB"), &nginx_each, "<= 24 KiB");
}

/// KiB more for each connection that was asked on once and stays open.
async fn for_each_connection(client: &Client, pids: &[u32]) -> f64 {
    let before = memory(pids);
    let mut connections = Vec::new();
    for _ in 0..CONNECTIONS {
        let mut connection = client.connect().await.unwrap();
        connection.ask(&health()).await;
        connections.push(connection);
    }
    (memory(pids) - before) / CONNECTIONS as f64
}
