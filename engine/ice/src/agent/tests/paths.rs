// SPDX-License-Identifier: Apache-2.0
use std::time::Duration;

use super::{BROWSER, BROWSER_2, Run, SERVER, SERVER_2, answer, check, path};
use crate::stun::{Class, Message, Writer};
use crate::{AgentEvent, Credentials, MAX_REPLY, Path, Rejection};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_check_is_answered_with_the_address_it_came_from() {
    let mut run = Run::new();
    let mapped = Path::new(
        "[::]:5000".parse().unwrap(),
        "[::ffff:198.51.100.7]:9".parse().unwrap(),
    );
    let reply = run
        .take(mapped, &check(&SERVER, &BROWSER, 1, false))
        .unwrap();
    let message = Message::parse(&reply).unwrap();
    assert_eq!(
        (message.class, message.transaction),
        (Class::Success, [1; 12])
    );
    assert_eq!(message.mapped, Some("198.51.100.7:9".parse().unwrap()));
    message.verify(&SERVER.credentials().key()).unwrap();
}

#[test]
fn a_path_is_selected_only_after_it_answered_our_request() {
    let mut run = Run::new();
    run.take(path(1), &check(&SERVER, &BROWSER, 1, true))
        .unwrap();
    assert_eq!(run.agent.selected(), None);
    let requests = run.due();
    assert_eq!(requests.len(), 1);
    run.take(path(1), &answer(&BROWSER, &SERVER, &requests[0].1))
        .unwrap();
    assert_eq!(run.agent.selected(), Some(path(1)));
    assert_eq!(run.agent.poll_event(), Some(AgentEvent::Selected(path(1))));
    assert_eq!(run.agent.poll_event(), None);
}

#[test]
fn an_answer_from_another_address_proves_nothing() {
    let mut run = Run::new();
    run.take(path(1), &check(&SERVER, &BROWSER, 1, true))
        .unwrap();
    let request = run.due().remove(0).1;
    let reply = answer(&BROWSER, &SERVER, &request);
    assert_eq!(run.take(path(2), &reply), Err(Rejection::Unexpected));
    assert_eq!(run.agent.selected(), None);
    assert!(run.take(path(1), &reply).is_ok());
    assert_eq!(
        run.take(path(1), &reply),
        Err(Rejection::Unexpected),
        "an answer counts once"
    );
}

#[test]
fn an_answer_without_the_password_proves_nothing() {
    let mut run = Run::new();
    run.take(path(1), &check(&SERVER, &BROWSER, 1, true))
        .unwrap();
    let request = run.due().remove(0).1;
    let id = Message::parse(&request).unwrap().transaction;
    let mut buf = [0; MAX_REPLY];
    let len = Writer::new(&mut buf, Class::Success, id)
        .finish(&SERVER.credentials().key())
        .unwrap();
    assert_eq!(run.take(path(1), &buf[..len]), Err(Rejection::BadIntegrity));
    assert_eq!(run.agent.selected(), None);
}

#[test]
fn a_path_that_was_not_nominated_is_not_selected() {
    let mut run = Run::new();
    run.take(path(1), &check(&SERVER, &BROWSER, 1, false))
        .unwrap();
    let request = run.due().remove(0).1;
    run.take(path(1), &answer(&BROWSER, &SERVER, &request))
        .unwrap();
    assert_eq!(run.agent.selected(), None);
    run.take(path(1), &check(&SERVER, &BROWSER, 2, true))
        .unwrap();
    assert_eq!(run.agent.selected(), Some(path(1)));
}

#[test]
fn an_unproven_address_gets_at_most_three_times_what_it_sent() {
    let mut run = Run::new();
    let (mut received, mut sent) = (0, 0);
    for nth in 0..200_u8 {
        let request = check(&SERVER, &BROWSER, nth, true);
        received += request.len();
        sent += run.take(path(1), &request).unwrap().len();
        for _ in 0..20 {
            run.pass(Duration::from_millis(50));
            sent += run.due().iter().map(|(_, r)| r.len()).sum::<usize>();
        }
        let mut left = 0;
        while run.agent.spend(run.now, &path(1), 50) {
            left += 50;
        }
        sent += left;
        assert!(sent <= 3 * received, "{sent} > 3 * {received}");
        assert_eq!(run.agent.selected(), None);
    }
    assert!(
        !run.agent.spend(run.now, &path(2), 1),
        "a stranger gets nothing"
    );
}

#[test]
fn our_request_is_repeated_with_the_same_id_until_it_is_answered() {
    let mut run = Run::new();
    run.take(path(1), &check(&SERVER, &BROWSER, 1, true))
        .unwrap();
    run.agent.credit(&path(1), 10_000);
    let first = run.due().remove(0).1;
    run.pass(Duration::from_millis(99));
    assert!(run.due().is_empty());
    run.pass(Duration::from_millis(1));
    assert_eq!(run.due().remove(0).1, first);
    for _ in 0..300 {
        run.pass(Duration::from_millis(100));
        let _ = run.due();
    }
    assert_eq!(
        run.agent.deadline(),
        None,
        "after 13 s nobody is asked any more"
    );
    run.take(path(1), &check(&SERVER, &BROWSER, 2, true))
        .unwrap();
    assert_eq!(run.due().len(), 1, "until the peer asks again");
}

#[test]
fn media_follows_a_newer_nomination_once_its_path_is_proven() {
    let mut run = Run::new();
    run.connect(path(1));
    run.pass(SECOND);
    run.take(path(2), &check(&SERVER, &BROWSER, 2, true))
        .unwrap();
    assert_eq!(run.agent.selected(), Some(path(1)));
    for (to, request) in run.due() {
        run.take(to, &answer(&BROWSER, &SERVER, &request)).unwrap();
    }
    assert_eq!(run.agent.selected(), Some(path(2)));
    run.take(path(1), &check(&SERVER, &BROWSER, 3, true))
        .unwrap();
    assert_eq!(
        run.agent.selected(),
        Some(path(2)),
        "it does not flap back at once"
    );
    run.pass(2 * SECOND);
    run.take(path(1), &check(&SERVER, &BROWSER, 4, true))
        .unwrap();
    assert_eq!(run.agent.selected(), Some(path(1)));
}

#[test]
fn consent_is_asked_for_and_kept_by_answers() {
    let mut run = Run::new();
    run.connect(path(1));
    let mut asked = 0;
    for _ in 0..120 {
        run.pass(SECOND);
        for (to, request) in run.due() {
            asked += 1;
            run.take(to, &answer(&BROWSER, &SERVER, &request)).unwrap();
        }
    }
    assert_eq!(run.agent.selected(), Some(path(1)));
    assert!((18..=30).contains(&asked), "{asked} checks in two minutes");
}

#[test]
fn consent_ends_thirty_seconds_after_the_last_answer_whatever_the_peer_sends() {
    let mut run = Run::new();
    run.connect(path(1));
    for nth in 0..29 {
        run.pass(SECOND);
        run.take(path(1), &check(&SERVER, &BROWSER, 10 + nth, true))
            .unwrap();
        let _ = run.due();
    }
    assert_eq!(run.agent.selected(), Some(path(1)));
    assert!(run.agent.deadline().unwrap() <= run.now + SECOND);
    run.pass(SECOND);
    let _ = run.due();
    assert_eq!(run.agent.selected(), None);
    let events: Vec<_> = std::iter::from_fn(|| run.agent.poll_event()).collect();
    assert!(events.contains(&AgentEvent::ConsentLost));
}

#[test]
fn a_restart_keeps_the_old_path_until_the_new_one_is_proven() {
    let mut run = Run::new();
    run.connect(path(1));
    let _ = run.agent.poll_event();
    run.agent
        .restart(SERVER_2.credentials(), BROWSER_2.credentials());
    assert_eq!(run.agent.selected(), Some(path(1)));
    assert!(
        run.take(path(1), &check(&SERVER, &BROWSER, 2, true))
            .is_ok(),
        "the old credentials still answer"
    );
    run.take(path(2), &check(&SERVER_2, &BROWSER_2, 3, true))
        .unwrap();
    assert_eq!(run.agent.selected(), Some(path(1)));
    for (to, request) in run.due().into_iter().filter(|(to, _)| *to == path(2)) {
        run.take(to, &answer(&BROWSER_2, &SERVER_2, &request))
            .unwrap();
    }
    assert_eq!(run.agent.selected(), Some(path(2)));
    assert_eq!(
        run.take(path(1), &check(&SERVER, &BROWSER, 4, true)),
        Err(Rejection::UnknownUfrag)
    );
    assert!(!run.agent.knows(&path(1)));
}

#[test]
fn a_restart_over_the_same_addresses_is_proven_with_the_new_password() {
    let mut run = Run::new();
    run.connect(path(1));
    run.agent
        .restart(SERVER_2.credentials(), BROWSER_2.credentials());
    run.take(path(1), &check(&SERVER_2, &BROWSER_2, 3, true))
        .unwrap();
    for (to, request) in run.due() {
        run.take(to, &answer(&BROWSER_2, &SERVER_2, &request))
            .unwrap();
    }
    assert_eq!(run.agent.selected(), Some(path(1)));
    assert_eq!(
        run.take(path(1), &check(&SERVER, &BROWSER, 4, true)),
        Err(Rejection::UnknownUfrag)
    );
}

#[test]
fn paths_are_bounded_and_the_selected_one_stays() {
    let mut run = Run::new();
    run.connect(path(1));
    for port in 2..100 {
        run.pass(Duration::from_millis(10));
        run.take(path(port), &check(&SERVER, &BROWSER, 5, true))
            .unwrap();
    }
    assert_eq!(run.agent.selected(), Some(path(1)));
    assert_eq!(
        (1..100)
            .filter(|port| run.agent.knows(&path(*port)))
            .count(),
        8
    );
}

#[test]
fn errors_are_told_only_to_those_who_know_the_password() {
    let mut run = Run::new();
    let key = SERVER.credentials();
    let mut buf = [0; MAX_REPLY];
    let conflict = Writer::new(&mut buf, Class::Request, [1; 12])
        .username("srv0", "brw0")
        .controlled(1);
    let len = conflict.finish(&key.key()).unwrap();
    let reply = run.take(path(1), &buf[..len]).unwrap();
    assert_eq!(Message::parse(&reply).unwrap().error_code, Some(487));
    let unknown = Writer::new(&mut buf, Class::Request, [1; 12])
        .username("srv0", "brw0")
        .attribute(0x77, &[]);
    let len = unknown.finish(&key.key()).unwrap();
    let reply = run.take(path(1), &buf[..len]).unwrap();
    assert_eq!(Message::parse(&reply).unwrap().error_code, Some(420));
    let wrong = Writer::new(&mut buf, Class::Request, [1; 12])
        .username("srv0", "brw0")
        .attribute(0x77, &[]);
    let len = wrong.finish(&BROWSER.credentials().key()).unwrap();
    assert_eq!(run.take(path(1), &buf[..len]), Err(Rejection::BadIntegrity));
    let stranger = Writer::new(&mut buf, Class::Request, [1; 12])
        .username("srv0", "brw0x")
        .finish(&key.key());
    assert_eq!(
        run.take(path(1), &buf[..stranger.unwrap()]),
        Err(Rejection::UnknownUfrag)
    );
}

#[test]
fn credentials_and_addresses_are_not_printed() {
    let shown = format!(
        "{:?} {:?} {:?}",
        SERVER.credentials(),
        path(1),
        Run::new().agent
    );
    assert!(
        !shown.contains("srv0") && !shown.contains("password") && !shown.contains("198.51"),
        "{shown}"
    );
    assert!(Credentials::new("abc", SERVER.pwd).is_err());
    assert!(Credentials::new("abcd", "short").is_err());
    assert!(Credentials::new("ab:d", SERVER.pwd).is_err());
}
