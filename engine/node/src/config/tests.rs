// SPDX-License-Identifier: Apache-2.0

use super::*;

fn bound_to(addresses: &[&str]) -> EngineConfig {
    EngineConfig::on(
        addresses
            .iter()
            .map(|address| address.parse().unwrap())
            .collect(),
    )
}

#[test]
fn json_needs_only_addresses_and_refuses_unknown_fields() {
    let config: EngineConfig =
        serde_json::from_str(r#"{"bind": ["127.0.0.1:0", "[::1]:0"]}"#).unwrap();
    assert_eq!(config, bound_to(&["127.0.0.1:0", "[::1]:0"]));
    config.validate().unwrap();
    assert!(
        serde_json::from_str::<EngineConfig>(r#"{"bind": ["127.0.0.1:0"], "shard": 2}"#).is_err()
    );
}

#[test]
fn addresses_that_are_not_one_interface_are_refused() {
    assert_eq!(bound_to(&[]).validate(), Err(ConfigError::NoAddress));
    for (address, ip) in [
        ("0.0.0.0:1", "0.0.0.0"),
        ("[::]:1", "::"),
        ("224.0.0.1:1", "224.0.0.1"),
    ] {
        assert_eq!(
            bound_to(&[address]).validate(),
            Err(ConfigError::NotUnicast(ip.parse().unwrap()))
        );
    }
    let twice = bound_to(&["127.0.0.1:0", "127.0.0.1:0"]);
    assert_eq!(
        twice.validate(),
        Err(ConfigError::Duplicate("127.0.0.1:0".parse().unwrap()))
    );
    let many: Vec<String> = (0..=MAX_ADDRESSES)
        .map(|port| format!("127.0.0.1:{}", 4000 + port))
        .collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    assert_eq!(
        bound_to(&many).validate(),
        Err(ConfigError::TooManyAddresses)
    );
}
