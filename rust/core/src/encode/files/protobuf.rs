//! Reads protocol buffers as far as a model file needs them: the fields of a message, one after another.

/// A field's value. Groups, which nobody writes any more, are an error.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Field<'m> {
    Number(u64),
    Fixed32(u32),
    Fixed64,
    Bytes(&'m [u8]),
}

/// The fields of a message, each with its number. After an error there are no more.
#[derive(Debug)]
pub(super) struct Reader<'m> {
    rest: &'m [u8],
}

impl<'m> Reader<'m> {
    pub(super) fn new(message: &'m [u8]) -> Self {
        Self { rest: message }
    }

    fn field(&mut self) -> Result<(u64, Field<'m>), String> {
        let key = self.number()?;
        let value = match key & 7 {
            0 => Field::Number(self.number()?),
            1 => {
                self.take(8)?;
                Field::Fixed64
            }
            2 => {
                let length = self.number()?;
                Field::Bytes(self.take(usize::try_from(length).map_err(|_| "a field beyond the end")?)?)
            }
            5 => {
                Field::Fixed32(self.take(4)?.iter().rev().fold(0, |bits, &byte| bits << 8 | u32::from(byte)))
            }
            kind => return Err(format!("a field of wire type {kind}")),
        };
        Ok((key >> 3, value))
    }

    /// A number in seven bits a byte, the lowest first.
    fn number(&mut self) -> Result<u64, String> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.take(1)?[0];
            number |= u64::from(byte & 0x7F) << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err("a number of more than ten bytes".to_owned())
    }

    fn take(&mut self, length: usize) -> Result<&'m [u8], String> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or("it ends inside a field")?;
        self.rest = rest;
        Ok(taken)
    }
}

impl<'m> Iterator for Reader<'m> {
    type Item = Result<(u64, Field<'m>), String>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_err() {
            self.rest = &[];
        }
        Some(field)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_come_one_after_the_other_until_something_is_wrong() {
        let message =
            [0x08, 0x96, 0x01, 0x12, 0x02, b'h', b'i', 0x1D, 0, 0, 0x80, 0x3F, 0x21, 1, 2, 3, 4, 5, 6, 7, 8];
        let fields: Result<Vec<_>, String> = Reader::new(&message).collect();
        let expected = vec![
            (1, Field::Number(150)),
            (2, Field::Bytes(b"hi")),
            (3, Field::Fixed32(0x3F80_0000)),
            (4, Field::Fixed64),
        ];
        assert_eq!(fields, Ok(expected));
        let mut cut = Reader::new(&message[..6]);
        assert!(cut.by_ref().any(|field| field.is_err()));
        assert!(cut.next().is_none());
        assert!(Reader::new(&[0x0B]).any(|field| field.is_err()));
        assert!(Reader::new(&[0xFF; 11]).any(|field| field.is_err()));
    }
}
