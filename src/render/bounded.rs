//! A bound on what is written to a sink.

use crate::render::format::{
    json::{Quoted, Unreadable},
    sink::Sink,
};

/// A sink that stops with an error after a number of bytes of JSON text.
///
/// It ends attempts whose result would be too large without writing all of it.
#[derive(Debug)]
pub(super) struct Bounded<'s, S> {
    sink: &'s mut S,
    room: usize,
}

impl<'s, S: Sink> Bounded<'s, S> {
    /// Creates a sink that passes on at most `room` bytes of tokens.
    pub(super) fn new(sink: &'s mut S, room: usize) -> Self {
        Self { sink, room }
    }

    fn take(&mut self, bytes: usize) -> Result<(), S::Error> {
        match self.room.checked_sub(bytes) {
            Some(room) => {
                self.room = room;
                Ok(())
            }
            None => Err(Unreadable::Missing.into()),
        }
    }
}

impl<S: Sink> Sink for Bounded<'_, S> {
    type Error = S::Error;

    fn begin_object(&mut self) -> Result<(), S::Error> {
        self.take(1)?;
        self.sink.begin_object()
    }

    fn key(&mut self, key: Quoted<'_>) -> Result<(), S::Error> {
        self.take(key.length() + 3)?;
        self.sink.key(key)
    }

    fn end_object(&mut self) -> Result<(), S::Error> {
        self.sink.end_object()
    }

    fn begin_array(&mut self, is_plain: impl FnOnce() -> bool) -> Result<(), S::Error> {
        self.take(1)?;
        self.sink.begin_array(is_plain)
    }

    fn end_array(&mut self) -> Result<(), S::Error> {
        self.sink.end_array()
    }

    fn string(&mut self, text: Quoted<'_>) -> Result<(), S::Error> {
        self.take(text.length() + 2)?;
        self.sink.string(text)
    }

    fn word(&mut self, word: &str) -> Result<(), S::Error> {
        self.take(word.len())?;
        self.sink.word(word)
    }
}
