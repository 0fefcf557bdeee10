use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::split::Find;

fn applied(normalizer: &Normalizer, text: &str) -> Aligned {
    let mut text = Aligned::new(text, Origins::Track(0));
    normalizer.apply(&mut text).expect("no runaway");
    text
}

fn some() -> Vec<Normalizer> {
    let replace = |find: Find| Normalizer::Replace(Arc::new(find), "<x>".to_owned());
    vec![
        Normalizer::Nfc,
        Normalizer::Nfd,
        Normalizer::Nfkc,
        Normalizer::Nfkd,
        Normalizer::Lowercase,
        Normalizer::Nmt,
        Normalizer::StripAccents,
        Normalizer::Strip { left: true, right: true },
        replace(Find::Text(" ".to_owned())),
        replace(Find::regex("a*").expect("an expression")),
        Normalizer::Prepend("▁".to_owned()),
        Normalizer::Bytes,
        Normalizer::Bert(Bert {
            clean_text: true,
            handle_chinese_chars: true,
            strip_accents: true,
            lowercase: true,
        }),
    ]
}

#[test]
fn characters_come_from_what_they_were_made_of() {
    let text = applied(&Normalizer::Nfc, "e\u{301}x");
    assert_eq!((text.text(), text.origin(0, 2)), ("\u{e9}x", Some([0, 1])));
    let text = applied(&Normalizer::Prepend("▁".to_owned()), "ab");
    assert_eq!((text.text(), text.origin(0, 3), text.origin(4, 5)), ("▁ab", Some([0, 1]), Some([1, 2])));
    let text = applied(&Normalizer::Strip { left: true, right: true }, "  a ");
    assert_eq!((text.text(), text.origin(0, 1)), ("a", Some([2, 3])));
}

#[test]
fn what_is_kept_is_said_to_be() {
    assert!(Normalizer::Nfc.keeps("caf\u{e9} 中".as_bytes()));
    assert!(!Normalizer::Nfc.keeps("e\u{301}".as_bytes()));
    assert!(!Normalizer::Nfc.keeps(b"\xff"));
    assert!(!Normalizer::Lowercase.keeps(b"a"));
}

/// A trie of one unit for the root and the string `a`, which becomes `bc`.
fn tiny_charsmap() -> Vec<u8> {
    let (root, a, leaf) = (1_u32 << 10, u32::from(b'a') | 1 << 8 | 1 << 10, 1_u32 << 31);
    let mut units = vec![0_u32; 256];
    units[0] = root;
    let place = 1 ^ usize::from(b'a');
    units[place] = a;
    units[place ^ 1] = leaf;
    let trie: Vec<u8> = units.iter().flat_map(|unit| unit.to_le_bytes()).collect();
    [&(trie.len() as u32).to_le_bytes()[..], &trie, b"bc\0"].concat()
}

#[test]
fn a_charsmap_replaces_what_it_holds() {
    let map = Charsmap::new(&tiny_charsmap()).expect("a good blob");
    let text = applied(&Normalizer::Charsmap(Arc::new(map)), "xay");
    assert_eq!((text.text(), text.origin(1, 3)), ("xbcy", Some([1, 2])));
    for cut in [0, 3, 4, 100, 1023] {
        assert!(Charsmap::new(&tiny_charsmap()[..cut]).is_err());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn every_byte_comes_from_a_place_of_the_original(text in any::<String>()) {
        for normalizer in some() {
            let changed = applied(&normalizer, &text);
            for at in 0..changed.text().len() {
                let [start, end] = changed.origin(at, at + 1).expect("tracked");
                prop_assert!(start <= end && end as usize <= text.len(), "{normalizer:?}");
            }
            let mut plain = Aligned::new(&text, Origins::Forget);
            normalizer.apply(&mut plain).expect("no runaway");
            prop_assert_eq!(plain.text(), changed.text());
            if normalizer.keeps(text.as_bytes()) {
                prop_assert_eq!(plain.text(), &text);
            }
        }
    }

    #[test]
    fn no_charsmap_leads_astray(blob in prop::collection::vec(any::<u8>(), 0..200), units in 0_u32..40, text in any::<String>()) {
        let blob = [&(units * 4).to_le_bytes()[..], &blob].concat();
        if let Ok(map) = Charsmap::new(&blob) {
            applied(&Normalizer::Charsmap(Arc::new(map)), &text);
        }
    }
}
