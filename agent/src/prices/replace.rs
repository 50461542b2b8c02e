//! A file that is replaced as a whole: its readers see the old text or the new one, also after a crash.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;

use anyhow::Context as _;

/// Writes the text beside the file and puts it in its place once it is on the disk. The file's permissions stay.
///
/// # Errors
/// When the folder cannot be written to. The file is as it was then.
pub fn replace(file: &Path, text: &str) -> anyhow::Result<()> {
    let shown = file.display();
    let failed = || format!("{shown} cannot be written");
    let name = file.file_name().with_context(|| format!("{shown} names no file"))?;
    let mut beside = name.to_os_string();
    beside.push(format!(".new.{}", std::process::id()));
    let folder =
        file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    let beside = folder.join(beside);
    let written = write(&beside, file, text).and_then(|()| fs::rename(&beside, file));
    if written.is_err() {
        // What could not be finished is of no use; that it stays behind is told by the error that follows.
        drop(fs::remove_file(&beside));
    }
    written.with_context(failed)?;
    File::open(folder).and_then(|folder| folder.sync_all()).with_context(failed)
}

fn write(beside: &Path, file: &Path, text: &str) -> std::io::Result<()> {
    let mut new = File::create_new(beside)?;
    new.write_all(text.as_bytes())?;
    if let Ok(old) = fs::metadata(file) {
        new.set_permissions(old.permissions())?;
    }
    new.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_as_a_whole_and_nothing_stays_behind() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("book.toml");
        replace(&file, "one").unwrap();
        replace(&file, "two").unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "two");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_folder_that_is_not_there_is_told() {
        let error = replace(Path::new("/nowhere/book.toml"), "one").unwrap_err();
        assert!(format!("{error:#}").starts_with("/nowhere/book.toml cannot be written: "), "{error:#}");
    }
}
