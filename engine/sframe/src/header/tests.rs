// SPDX-License-Identifier: Apache-2.0

use proptest::prelude::*;

use super::*;

proptest! {
    #[test]
    fn a_header_comes_back_as_it_was_written(kid: u64, counter: u64, shift in 0u32..64) {
        let header = Header { kid: kid >> shift, counter: counter >> (63 - shift) };
        let mut bytes = [0; MAX_HEADER];
        let len = header.write(&mut bytes);
        prop_assert_eq!(Header::parse(&bytes[..len]), Ok((header, len)));
        for cut in 0..len {
            prop_assert!(Header::parse(&bytes[..cut]).is_err());
        }
    }

    #[test]
    fn what_is_taken_is_what_would_be_written(bytes in prop::collection::vec(any::<u8>(), 0..20)) {
        if let Ok((header, len)) = Header::parse(&bytes) {
            let mut written = [0; MAX_HEADER];
            prop_assert_eq!(header.write(&mut written), len);
            prop_assert_eq!(&written[..len], &bytes[..len]);
        }
    }
}
