//! What a request, a handshake and a durable decision cost, against the bare server, nginx, and Reeve without syncs.

use std::time::Duration;

use http::Method;

use crate::baselines;
use crate::figures::{ROUNDS, print};
use crate::load::{Client, Load, Question, handshakes, keep_alive};
use crate::processes::{Place, Server, cpu};
use crate::reeve::{Reeve, Sync, evaluate, health};

/// Everything is measured with the servers on one processor and the load on another.
pub(crate) async fn measure() {
    let reeve = Reeve::up(Place::OwnCore).await;
    let nginx = Other::up(baselines::nginx(Place::OwnCore)).await;
    let bare = Other::up(baselines::bare(Place::OwnCore)).await;
    keep_alive_requests(&reeve, &nginx, &bare).await;
    full_handshakes(&reeve, &nginx).await;
    drop(nginx);
    durable_decisions(&reeve, &bare).await;
}

/// A server that answers `GET /health` as Reeve does.
struct Other {
    server: Server,
    client: Client,
}

impl Other {
    async fn up((server, client): (Server, Client)) -> Self {
        client.until_right(&health()).await;
        Self { server, client }
    }

    fn clock(&self) -> impl Fn() -> Duration {
        clock(self.server.processes())
    }
}

fn clock(pids: Vec<u32>) -> impl Fn() -> Duration {
    move || cpu(&pids)
}

async fn keep_alive_requests(reeve: &Reeve, nginx: &Other, bare: &Other) {
    let (mut ours, mut nginxs, mut bares) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        bares.push(keep_alive(&bare.client, &health(), bare.clock()).await.cpu);
        ours.push(keep_alive(&reeve.client(), &health(), clock(reeve.front())).await.cpu);
        nginxs.push(keep_alive(&nginx.client, &health(), nginx.clock()).await.cpu);
    }
    print("health_cpu_per_request", (&ours, "us"), &bares, "<= 1.5");
    print("health_cpu_per_request_against_nginx", (&ours, "us"), &nginxs, "<= 1.1");
}

async fn full_handshakes(reeve: &Reeve, nginx: &Other) {
    let (mut ours, mut nginxs) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        ours.push(handshakes(&reeve.client(), &health(), clock(reeve.front())).await.cpu);
        nginxs.push(handshakes(&nginx.client, &health(), nginx.clock()).await.cpu);
    }
    print("handshake_cpu_crl_of_1000_against_nginx", (&ours, "us"), &nginxs, "<= 0.5");
}

async fn durable_decisions(reeve: &Reeve, bare: &Other) {
    let echo = Question { expect: "mail.send", ..evaluate() };
    assert_eq!(echo.method, Method::POST);
    let (mut durable, mut volatile, mut echoed) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        echoed.push(keep_alive(&bare.client, &echo, bare.clock()).await);
        reeve.gate_with(Sync::Real).await;
        durable.push(keep_alive(&reeve.client(), &evaluate(), clock(reeve.processes())).await);
        reeve.gate_with(Sync::None).await;
        volatile.push(keep_alive(&reeve.client(), &evaluate(), clock(reeve.processes())).await);
    }
    let rates = |loads: &[Load]| loads.iter().map(|load| load.per_second).collect::<Vec<_>>();
    let costs = |loads: &[Load]| loads.iter().map(|load| load.cpu).collect::<Vec<_>>();
    print("durable_decisions_per_second", (&rates(&durable), "1/s"), &rates(&echoed), ">= 0.35");
    print("durable_decision_cpu", (&costs(&durable), "us"), &costs(&echoed), "<= 3");
    print(
        "durable_decisions_per_second_against_no_sync",
        (&rates(&durable), "1/s"),
        &rates(&volatile),
        ">= 0.8",
    );
}
