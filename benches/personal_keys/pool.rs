//! The time to a key, from pools that are full, empty, and met by a crowd.

use std::time::Duration;

use keylockr_benches::{Effort, Figures, Stopwatch, Table};
use tokio::{
    runtime::{Builder, Runtime},
    time::sleep,
};
use unloq_client::{KeyPool, KeySize, Padding};

use crate::spread;

/// Most that take from the default pool at once.
const CROWD: usize = 16;

/// One of each.
pub(crate) fn tables(effort: Effort) -> [Table; 3] {
    let runtime = Builder::new_current_thread().enable_time().build();
    let runtime = runtime.expect("a runtime");
    [
        full(&runtime, effort),
        empty(&runtime, effort),
        crowd(&runtime, effort),
    ]
}

fn pool(capacity: usize, workers: usize) -> KeyPool {
    KeyPool::with(KeySize::Rsa2048, Padding::Pkcs1V15, capacity, workers).expect("a pool")
}

/// Waits until it is full.
async fn filled(pool: &KeyPool) {
    while pool.stats().ready < pool.stats().capacity {
        sleep(Duration::from_millis(1)).await;
    }
}

fn full(runtime: &Runtime, effort: Effort) -> Table {
    let pool = pool(effort.pick(32, 2), 2);
    let mut samples = Vec::new();
    for _ in 0..effort.pick(8, 1) {
        runtime.block_on(filled(&pool));
        for _ in 0..pool.stats().capacity {
            let watch = Stopwatch::start();
            let pair = runtime.block_on(pool.take());
            samples.push(watch.elapsed().as_secs_f64() * 1e6);
            pair.expect("a pair");
        }
    }
    let headings = ["microseconds", "p10", "median", "p90"];
    let mut table = Table::new("Taking a pair of 2048 bits that is ready", &headings);
    let figures = Figures::new(samples);
    table.row(["take".to_owned()].into_iter().chain(spread(&figures)));
    table
}

fn empty(runtime: &Runtime, effort: Effort) -> Table {
    let headings = ["milliseconds", "p10", "median", "p90", "pairs a second"];
    let title = "The time to a key of 2048 bits from an empty pool, and how fast one fills";
    let mut table = Table::new(title, &headings);
    for workers in [1, 2, 4] {
        // No more room than workers: each pair is taken as soon as it is made.
        let pool = pool(workers, workers);
        let mut samples = Vec::new();
        for _ in 0..effort.pick(100, 2) {
            let watch = Stopwatch::start();
            let pair = runtime.block_on(pool.take());
            samples.push(watch.elapsed().as_secs_f64() * 1e3);
            pair.expect("a pair");
        }
        let figures = Figures::new(samples);
        let rate = format!("{:.1}", 1e3 / figures.mean());
        let threads = if workers == 1 { "thread" } else { "threads" };
        let name = format!("{workers} {threads}");
        table.row([name].into_iter().chain(spread(&figures)).chain([rate]));
    }
    table
}

/// Sixteen users approve at once, and four pairs are ready.
fn crowd(runtime: &Runtime, effort: Effort) -> Table {
    let pool = KeyPool::new().expect("a pool");
    let mut samples = Vec::new();
    for _ in 0..effort.pick(8, 1) {
        runtime.block_on(filled(&pool));
        let waits = runtime.block_on(async {
            let watch = Stopwatch::start();
            let takes = (0..effort.pick(CROWD, 5)).map(async |_| {
                pool.take().await.expect("a pair");
                watch.elapsed().as_secs_f64() * 1e3
            });
            futures_util::future::join_all(takes).await
        });
        samples.extend(waits);
    }
    let headings = ["milliseconds", "median", "p90", "longest"];
    let title = format!("{CROWD} at once on the default pool: four pairs, one thread");
    let mut table = Table::new(title, &headings);
    let figures = Figures::new(samples);
    let quantiles = [50, 90, 100].map(|percent| format!("{:.0}", figures.quantile(percent)));
    table.row(["take".to_owned()].into_iter().chain(quantiles));
    table
}
