//! The release that the cluster runs: an archive that was built, or one made of the programs beside this one.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;

use super::folder::Folder;

/// The programs of a release.
const PROGRAMS: [&str; 3] = ["nova-proxy", "nova-agent", "nova-local"];

/// What follows the version in the name of an archive.
const SUFFIX: &str = "-linux-amd64";

/// A release in the folder of the cluster.
#[derive(Debug, Clone)]
pub(super) struct Release {
    /// Its version.
    pub version: String,
    /// The name of the archive, below `releases/`.
    pub archive: String,
    /// The checksum of the archive, in hexadecimal.
    pub sha256: String,
    /// The folder with the programs, unpacked: `nova-agent` is an operator's command too.
    pub programs: PathBuf,
}

impl Release {
    /// Takes this archive, or makes one of the programs in the folder of this program.
    ///
    /// # Errors
    /// When the archive is none of a release, a program is missing, or the folder is full.
    pub(super) fn prepare(folder: &Folder, archive: Option<&Path>) -> anyhow::Result<Self> {
        let (name, version) = match archive {
            Some(path) => {
                let (name, version) = named(path)?;
                std::fs::copy(path, folder.join("releases").join(&name))
                    .with_context(|| format!("cannot copy {}", path.display()))?;
                (name, version)
            }
            None => pack(folder)?,
        };
        let path = folder.join("releases").join(&name);
        unpack(&path, &folder.join("releases"))?;
        let stem = name.trim_end_matches(".tar.gz");
        let programs = folder.join("releases").join(stem).join("bin");
        for program in PROGRAMS {
            ensure!(programs.join(program).is_file(), "{} has no {stem}/bin/{program}", path.display());
        }
        Ok(Self { version, sha256: sha256(&path)?, archive: name, programs })
    }
}

/// The name of an archive and the version in it.
fn named(path: &Path) -> anyhow::Result<(String, String)> {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let version = name
        .strip_prefix("nova-")
        .and_then(|name| name.strip_suffix(".tar.gz"))
        .and_then(|name| name.strip_suffix(SUFFIX))
        .filter(|version| !version.is_empty())
        .map(str::to_owned);
    let version = version.with_context(|| {
        format!("{} is not called as a release is: nova-<version>{SUFFIX}.tar.gz", path.display())
    })?;
    Ok((name, version))
}

fn pack(folder: &Folder) -> anyhow::Result<(String, String)> {
    let own = std::env::current_exe().context("cannot tell where this program is")?;
    let beside = own.parent().context("this program is in no folder")?;
    let version = nova_config::running_version().to_string();
    let stem = format!("nova-{version}{SUFFIX}");
    let name = format!("{stem}.tar.gz");
    let path = folder.join("releases").join(&name);
    // It is read once, on this machine: fast rather than small.
    let file = File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
    let mut archive = tar::Builder::new(GzEncoder::new(file, Compression::fast()));
    for program in PROGRAMS {
        let path = beside.join(program);
        archive.append_path_with_name(&path, format!("{stem}/bin/{program}")).with_context(|| {
            format!(
                "cannot take {} into a release: build it (cargo build --bins), or name a release's archive with --release",
                path.display()
            )
        })?;
    }
    archive.into_inner()?.finish()?.sync_all()?;
    Ok((name, version))
}

fn unpack(archive: &Path, folder: &Path) -> anyhow::Result<()> {
    let file = File::open(archive).with_context(|| format!("cannot read {}", archive.display()))?;
    tar::Archive::new(GzDecoder::new(file))
        .unpack(folder)
        .with_context(|| format!("cannot unpack {}", archive.display()))
}

fn sha256(path: &Path) -> anyhow::Result<String> {
    let mut file = File::open(path)?;
    let mut digest = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
    let mut piece = vec![0; 1 << 16];
    loop {
        match file.read(&mut piece)? {
            0 => break,
            length => digest.update(&piece[..length]),
        }
    }
    Ok(digest.finish().as_ref().iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_archive_tells_its_version_by_its_name() {
        let told = named(Path::new("/tmp/nova-1.4.0-rc.1-linux-amd64.tar.gz")).unwrap();
        assert_eq!(told.1, "1.4.0-rc.1");
        for wrong in ["nova-linux-amd64.tar.gz", "nova-1.4.0.tar.gz", "release.zip"] {
            let refused = named(Path::new(wrong)).unwrap_err().to_string();
            assert!(refused.contains("nova-<version>-linux-amd64.tar.gz"), "{refused}");
        }
    }

    #[test]
    fn a_checksum_is_that_of_sha256sum() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "abc").unwrap();
        // FIPS 180-4, example of one block.
        assert_eq!(
            sha256(file.path()).unwrap(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }
}
