//! Any bytes for `check_response_head`.
//! It must hold nothing itself: the check is shared with the replay of the corpus.

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| mesher_codec_checks::check_response_head(input));
