//! Whether checking signatures together would be worth it.

use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};

use crate::{
    table::Table,
    timing::{best_of, each_ns},
};

/// How many signatures are checked.
const COUNT: usize = 1_024;

pub(crate) fn report() -> String {
    let messages: Vec<Vec<u8>> = (0..COUNT)
        .map(|number| {
            let mut message = vec![0x5a; 180];
            message[..8].copy_from_slice(&(number as u64).to_le_bytes());
            message
        })
        .collect();
    let keys: Vec<SigningKey> = (0..COUNT)
        .map(|number| {
            let mut seed = [3; 32];
            seed[..8].copy_from_slice(&(number as u64).to_le_bytes());
            SigningKey::from_bytes(&seed)
        })
        .collect();
    let signatures: Vec<Signature> =
        keys.iter().zip(&messages).map(|(key, message)| key.sign(message)).collect();
    let public: Vec<VerifyingKey> = keys.iter().map(SigningKey::verifying_key).collect();
    let messages: Vec<&[u8]> = messages.iter().map(Vec::as_slice).collect();

    let one_by_one = best_of(
        3,
        || (),
        |()| {
            for place in 0..COUNT {
                let checked = public[place].verify_strict(messages[place], &signatures[place]);
                assert!(checked.is_ok(), "made here");
            }
        },
    );
    let mut table = Table::new(&["at a time", "us each", "of one by one"]);
    let mut row = |at_a_time: usize, time: std::time::Duration| {
        table.row([
            at_a_time.to_string(),
            format!("{:.1}", each_ns(time, COUNT) / 1e3),
            format!("{:.2}", time.as_secs_f64() / one_by_one.as_secs_f64()),
        ]);
    };
    row(1, one_by_one);
    for at_a_time in [4, 16, 64, 256] {
        let time = best_of(
            3,
            || (),
            |()| {
                for start in (0..COUNT).step_by(at_a_time) {
                    let range = start..start + at_a_time;
                    let checked = ed25519_dalek::verify_batch(
                        &messages[range.clone()],
                        &signatures[range.clone()],
                        &public[range],
                    );
                    assert!(checked.is_ok(), "made here");
                }
            },
        );
        row(at_a_time, time);
    }
    table.print(
        "Signatures checked together",
        "ed25519, one by one with the strict check that the protocol prescribes, and together with \
         `verify_batch`.",
    )
}
