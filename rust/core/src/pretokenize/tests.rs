use proptest::prelude::*;

use super::*;
use crate::normalize::Origins;

fn cut(steps: &[Step], text: &str) -> Vec<String> {
    let mut pieces = Pieces::whole(Aligned::new(text, Origins::Track(0)));
    for step in steps {
        step.apply(&mut pieces, true).expect("no runaway");
    }
    pieces.places.iter().map(|place| pieces.text.text()[place.clone()].to_owned()).collect()
}

fn split(behavior: Behavior) -> Step {
    Step::Split { find: Find::Text("-".to_owned()), invert: false, behavior }
}

#[test]
fn matches_become_what_the_behavior_says() {
    let text = "the-final--countdown";
    assert_eq!(cut(&[split(Behavior::Removed)], text), ["the", "final", "countdown"]);
    assert_eq!(cut(&[split(Behavior::Isolated)], text), ["the", "-", "final", "-", "-", "countdown"]);
    assert_eq!(cut(&[split(Behavior::MergedWithPrevious)], text), ["the-", "final-", "-", "countdown"]);
    assert_eq!(cut(&[split(Behavior::MergedWithNext)], text), ["the", "-final", "-", "-countdown"]);
    assert_eq!(cut(&[split(Behavior::Contiguous)], text), ["the", "-", "final", "--", "countdown"]);
}

#[test]
fn spaces_become_marks_and_bytes_characters() {
    let metaspace = |prepend, splits| Step::Metaspace { mark: '▁', prepend, splits };
    assert_eq!(cut(&[metaspace(Prepend::Always, true)], "Hey friend"), ["▁Hey", "▁friend"]);
    assert_eq!(cut(&[metaspace(Prepend::Never, false)], " a  b"), ["▁a▁▁b"]);
    assert_eq!(cut(&[split(Behavior::Removed), metaspace(Prepend::First, true)], "a-b"), ["▁a", "b"]);
    assert_eq!(cut(&[Step::PrefixSpace, Step::Bytes], "é"), ["Ġ\u{c3}\u{a9}"]);
    assert_eq!(cut(&[Step::FixedLength(2)], "añbcd"), ["añ", "bc", "d"]);
}

proptest! {
    #[test]
    fn pieces_are_not_empty_and_in_order(text in "[a1 .▁é中\\-]{0,40}") {
        let steps = [
            Step::Metaspace { mark: '▁', prepend: Prepend::First, splits: true },
            split(Behavior::MergedWithNext),
            Step::Split { find: Find::Characters(Step::is_digit), invert: false, behavior: Behavior::Contiguous },
            Step::PrefixSpace,
            Step::Bytes,
            Step::FixedLength(3),
        ];
        let mut pieces = Pieces::whole(Aligned::new(&text, Origins::Track(0)));
        for step in steps {
            step.apply(&mut pieces, true).expect("no runaway");
            let mut done = 0;
            for place in &pieces.places {
                prop_assert!(done <= place.start && place.start < place.end);
                prop_assert!(pieces.text.text().is_char_boundary(place.end));
                done = place.end;
            }
            prop_assert!(done <= pieces.text.text().len());
        }
    }
}
