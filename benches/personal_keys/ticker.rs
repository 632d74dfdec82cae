//! What the making of pairs does to a runtime that serves others meanwhile: how late a task wakes
//! that sleeps a millisecond, again and again.

use std::time::Duration;

use keylockr_benches::{Effort, Figures, Stopwatch, Table};
use tokio::{
    runtime::Builder,
    task::{JoinHandle, spawn, spawn_blocking, yield_now},
    time::sleep,
};
use unloq_client::{KeyPair, KeyPool, KeySize, Padding};

const TICK: Duration = Duration::from_millis(1);

/// Where pairs are made meanwhile.
#[derive(Clone, Copy)]
enum Where {
    Nowhere,
    Pool(usize),
    Blocking,
    Runtime,
}

const PLACES: [(&str, Where); 5] = [
    ("nothing is made", Where::Nowhere),
    ("by a pool of one thread", Where::Pool(1)),
    ("by a pool of two threads", Where::Pool(2)),
    ("by tokio's spawn_blocking", Where::Blocking),
    ("on the runtime's own thread", Where::Runtime),
];

/// All places in turn.
pub(crate) fn table(effort: Effort) -> Table {
    let mut samples = PLACES.map(|_| Vec::new());
    for _ in 0..effort.pick(4, 1) {
        for ((_, place), samples) in PLACES.iter().zip(&mut samples) {
            let runtime = Builder::new_current_thread().enable_time().build();
            let runtime = runtime.expect("a runtime");
            let length = Duration::from_millis(effort.pick(5_000, 5));
            samples.extend(runtime.block_on(lateness(*place, length)));
            runtime.shutdown_background();
        }
    }
    let headings = ["milliseconds", "median", "p90", "p99", "longest"];
    let title = "How late a task wakes that sleeps 1 ms, on a runtime of one thread, while pairs of \
                 2048 bits are made";
    let mut table = Table::new(title, &headings);
    for ((name, _), samples) in PLACES.iter().zip(samples) {
        let figures = Figures::new(samples);
        let of = |percent| format!("{:.2}", figures.quantile(percent));
        table.row(
            [(*name).to_owned()]
                .into_iter()
                .chain([50, 90, 99, 100].map(of)),
        );
    }
    table
}

async fn lateness(place: Where, length: Duration) -> Vec<f64> {
    let busy = busy(place);
    let mut samples = Vec::new();
    let whole = Stopwatch::start();
    while whole.elapsed() < length {
        let watch = Stopwatch::start();
        sleep(TICK).await;
        let late = watch.elapsed().saturating_sub(TICK);
        samples.push(late.as_secs_f64() * 1e3);
    }
    if let Some(busy) = busy {
        busy.abort();
    }
    samples
}

/// Makes pairs one after the other until it is aborted.
fn busy(place: Where) -> Option<JoinHandle<()>> {
    Some(match place {
        Where::Nowhere => return None,
        Where::Pool(workers) => {
            let pool = KeyPool::with(KeySize::Rsa2048, Padding::Pkcs1V15, workers, workers);
            let pool = pool.expect("a pool");
            spawn(async move {
                loop {
                    pool.take().await.expect("a pair");
                }
            })
        }
        Where::Blocking => spawn(async {
            loop {
                spawn_blocking(make).await.expect("a pair");
            }
        }),
        Where::Runtime => spawn(async {
            loop {
                make();
                yield_now().await;
            }
        }),
    })
}

fn make() {
    KeyPair::generate(KeySize::Rsa2048, Padding::Pkcs1V15).expect("a pair");
}
