// SPDX-License-Identifier: Apache-2.0
//! What the kernel counts for this process, and where its child runs.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// CPU time of the engine's thread: on the processor, in user and kernel mode (`schedstat`, nanoseconds).
pub fn shard_cpu() -> Duration {
    let threads = fs::read_dir("/proc/self/task")
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let shard = |path: &std::path::PathBuf| {
        fs::read_to_string(path.join("comm")).is_ok_and(|name| name.trim() == "shard-0")
    };
    let thread = threads
        .into_iter()
        .find(shard)
        .expect("the engine's thread is there");
    let counted = fs::read_to_string(thread.join("schedstat")).unwrap();
    Duration::from_nanos(counted.split_whitespace().next().unwrap().parse().unwrap())
}

/// Resident memory of this process, in bytes.
pub fn resident() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .unwrap();
    line.split_whitespace()
        .nth(1)
        .unwrap()
        .parse::<u64>()
        .unwrap()
        * 1_024
}

/// Starts a program on the processors named by `BENCH_CALLERS_CPU`, or anywhere if it is not set.
pub fn pinned(program: &Path) -> Command {
    let Ok(processors) = std::env::var("BENCH_CALLERS_CPU") else {
        return Command::new(program);
    };
    let mut command = Command::new("taskset");
    command.args(["-c", &processors]).arg(program);
    command
}
