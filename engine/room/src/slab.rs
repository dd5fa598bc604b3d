// SPDX-License-Identifier: Apache-2.0
//! A list whose entries keep their numbers.

/// Entries found by small numbers; the number of a removed entry is given out again.
#[derive(Debug)]
pub struct Slab<T> {
    entries: Vec<Option<T>>,
    free: Vec<u32>,
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Self {
            entries: Vec::new(),
            free: Vec::new(),
        }
    }
}

impl<T> Slab<T> {
    /// Adds an entry that may want to know its own number.
    pub fn insert_with(&mut self, make: impl FnOnce(u32) -> T) -> u32 {
        if let Some(index) = self.free.pop() {
            if let Some(entry) = self.entries.get_mut(index as usize) {
                *entry = Some(make(index));
            }
            return index;
        }
        let index = self.entries.len() as u32;
        self.entries.push(Some(make(index)));
        index
    }

    /// The number that the next entry will get.
    #[must_use]
    pub fn next_index(&self) -> u32 {
        self.free.last().copied().unwrap_or(self.end())
    }

    /// Takes an entry out.
    pub fn remove(&mut self, index: u32) -> Option<T> {
        let entry = self.entries.get_mut(index as usize)?.take()?;
        self.free.push(index);
        Some(entry)
    }

    /// The entry of this number.
    #[must_use]
    pub fn get(&self, index: u32) -> Option<&T> {
        self.entries.get(index as usize)?.as_ref()
    }

    /// The entry of this number, to be changed.
    #[must_use]
    pub fn get_mut(&mut self, index: u32) -> Option<&mut T> {
        self.entries.get_mut(index as usize)?.as_mut()
    }

    /// All entries by number.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &T)> {
        (0..)
            .zip(&self.entries)
            .filter_map(|(index, entry)| Some((index, entry.as_ref()?)))
    }

    /// All entries by number, to be changed.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (u32, &mut T)> {
        (0..)
            .zip(&mut self.entries)
            .filter_map(|(index, entry)| Some((index, entry.as_mut()?)))
    }

    /// One more than the highest number given out.
    #[must_use]
    pub fn end(&self) -> u32 {
        self.entries.len() as u32
    }

    /// How many entries there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len() - self.free.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
