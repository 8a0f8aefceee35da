//! Sound files and their tags: ID3, Vorbis comments, APE and their kin, read by a library.

use std::io::{BufReader, Read, Seek};

use lofty::config::{ParseOptions, ParsingMode};
use lofty::file::{AudioFile, TaggedFileExt};
use lofty::probe::Probe;
use lofty::tag::{ItemKey, Tag};

use super::kept;
use crate::extract::sink::Details;

pub fn read<R: Read + Seek>(reader: &mut R, details: &mut Details) -> Option<()> {
    reader.rewind().ok()?;
    let options = ParseOptions::new()
        .parsing_mode(ParsingMode::Relaxed)
        .read_cover_art(false);
    let probe = Probe::new(BufReader::new(reader)).guess_file_type().ok()?;
    let file = probe.options(options).read().ok()?;
    let length = file.properties().duration().as_millis();
    details.milliseconds = u64::try_from(length).ok().filter(|length| *length > 0);
    let tags: Vec<&Tag> = file.primary_tag().into_iter().chain(file.tags()).collect();
    let text = |keys: &[ItemKey]| {
        let values = keys
            .iter()
            .flat_map(|key| tags.iter().filter_map(|tag| tag.get_string(*key)));
        values.filter_map(kept).next()
    };
    details.title = text(&[ItemKey::TrackTitle]);
    details.author = text(&[
        ItemKey::TrackArtist,
        ItemKey::AlbumArtist,
        ItemKey::Composer,
    ]);
    details.album = text(&[ItemKey::AlbumTitle]);
    details.date = text(&[ItemKey::RecordingDate, ItemKey::Year, ItemKey::ReleaseDate]);
    Some(())
}
