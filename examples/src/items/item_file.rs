//! Items in a file: one record behind the other, four bytes of length (big-endian) and the encoded message.

use std::fs::File;
use std::io::{self, BufReader, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use prost::Message;

use super::proto::Item;
use super::repository::{Batch, Repository};

/// Bytes of one record at most; whoever finds more has no item before them.
const MAX_RECORD: u32 = 1024 * 1024;

/// A file of items; a cursor is the place of a record in it.
///
/// # Locks
/// `file` is a leaf, held while one batch is read or one item is written.
#[derive(Debug)]
pub struct ItemFile {
    file: Mutex<File>,
}

impl ItemFile {
    /// The file at `path`, which is made if it is not there.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = File::options().read(true).append(true).create(true).open(path)?;
        Ok(Self { file: Mutex::new(file) })
    }

    fn lock(&self) -> MutexGuard<'_, File> {
        self.file.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Repository for ItemFile {
    fn batch(&self, cursor: u64, limit: usize) -> io::Result<Batch> {
        let file = self.lock();
        let mut reader = BufReader::new(&*file);
        reader.seek(SeekFrom::Start(cursor))?;
        let mut place = cursor;
        let mut items = Vec::new();
        while items.len() < limit {
            let read = read_record(&mut reader);
            let read = read.map_err(|error| io::Error::new(error.kind(), format!("item at byte {place}: {error}")))?;
            let Some((item, length)) = read else {
                return Ok(Batch { items, next: None });
            };
            items.push(item);
            place += length;
        }
        Ok(Batch { items, next: Some(place) })
    }

    fn save(&self, item: &Item) -> io::Result<()> {
        let length = u32::try_from(item.encoded_len()).ok().filter(|length| *length <= MAX_RECORD);
        let length = length.ok_or_else(|| io::Error::new(ErrorKind::FileTooLarge, "the item is too large"))?;
        let mut record = length.to_be_bytes().to_vec();
        item.encode(&mut record)?;
        let mut file = self.lock();
        let end = file.metadata()?.len();
        file.write_all(&record).inspect_err(|_| {
            // Half a record would make everything behind it unreadable; if this fails too, the next reader says so.
            let _ = file.set_len(end);
        })
    }
}

/// The next item and the length of its record; `None` at the end of the file.
fn read_record(reader: &mut impl Read) -> io::Result<Option<(Item, u64)>> {
    let mut length = Vec::with_capacity(4);
    reader.take(4).read_to_end(&mut length)?;
    if length.is_empty() {
        return Ok(None);
    }
    let length: [u8; 4] = length.try_into().map_err(|_| io::Error::from(ErrorKind::UnexpectedEof))?;
    let length = u32::from_be_bytes(length);
    if length > MAX_RECORD {
        return Err(io::Error::new(ErrorKind::InvalidData, "no item is so large"));
    }
    let mut record = vec![0; length as usize];
    reader.read_exact(&mut record)?;
    let item = Item::decode(record.as_slice())?;
    if item.id.is_empty() {
        return Err(io::Error::new(ErrorKind::InvalidData, "it has no id"));
    }
    Ok(Some((item, 4 + u64::from(length))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(number: usize) -> Item {
        Item { id: format!("item {number}"), name: "A name".to_owned(), data: vec![7; number] }
    }

    #[test]
    fn what_was_saved_is_read_in_batches() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("items");
        let items = ItemFile::open(&path).unwrap();
        assert_eq!(items.batch(0, 100).unwrap(), Batch::default());
        (0..250).for_each(|number| items.save(&item(number)).unwrap());
        // A server that starts again finds them.
        let items = ItemFile::open(&path).unwrap();
        let (mut cursor, mut read) = (Some(0), Vec::new());
        while let Some(from) = cursor {
            let batch = items.batch(from, 100).unwrap();
            read.push(batch.items.len());
            let first = batch.items.first().cloned();
            assert_eq!(first, Some(item(100 * (read.len() - 1))));
            cursor = batch.next;
        }
        assert_eq!(read, [100, 100, 50]);
    }

    #[test]
    fn a_broken_file_is_an_error_that_names_the_place() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("items");
        let items = ItemFile::open(&path).unwrap();
        items.save(&item(0)).unwrap();
        let end = std::fs::metadata(&path).unwrap().len();
        for (rest, reason) in [(&b"\0\0"[..], ""), (b"\0\0\0\x05abc", ""), (&[0xff; 9], "no item"), (&[0; 4], "no id")]
        {
            let broken = File::options().append(true).open(&path).unwrap();
            broken.set_len(end).unwrap();
            (&broken).write_all(rest).unwrap();
            let error = items.batch(0, 100).unwrap_err().to_string();
            assert!(error.starts_with(&format!("item at byte {end}: ")) && error.contains(reason), "{error}");
        }
    }
}
