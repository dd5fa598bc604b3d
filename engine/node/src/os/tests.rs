// SPDX-License-Identifier: Apache-2.0

use super::*;

fn is_readable(signal: &Signal) -> bool {
    let mut poll = libc::pollfd {
        fd: signal.as_raw_fd(),
        events: libc::POLLIN,
        revents: 0,
    };
    // SAFETY: one valid pollfd.
    unsafe { libc::poll(&raw mut poll, 1, 0) == 1 }
}

#[test]
fn a_signal_is_readable_from_its_raising_to_its_clearing() {
    for portable in [false, true] {
        let signal = Signal::new(portable).unwrap();
        assert!(!is_readable(&signal));
        for _ in 0..100_000 {
            signal.raise();
        }
        assert!(is_readable(&signal));
        signal.clear();
        assert!(!is_readable(&signal), "portable: {portable}");
        signal.raise();
        assert!(is_readable(&signal));
    }
}

#[test]
fn cpu_time_of_a_thread_rises_with_its_work() {
    let before = thread_cpu_time();
    while thread_cpu_time() == before {
        std::hint::black_box([0u8; 1024].iter().map(|byte| u32::from(*byte)).sum::<u32>());
    }
    assert!(thread_cpu_time() > before);
}
