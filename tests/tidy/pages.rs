//! What pages and texts may say.

use std::collections::BTreeSet;

use nova_test_support::binary::workspace_root;

use super::tree::{File, files, none, paths};

fn pages() -> Vec<File> {
    files(|path| path.ends_with(".md"))
}

/// The lines of a page outside of its code blocks.
fn prose(page: &File) -> impl Iterator<Item = (usize, &str)> {
    let mut is_code = false;
    page.lines().filter(move |(_, line)| {
        let is_fence = line.trim_start().starts_with("```");
        is_code ^= is_fence;
        !is_code && !is_fence
    })
}

/// The targets of the links in a line: `[text](target)`.
fn targets(line: &str) -> Vec<&str> {
    line.split("](")
        .skip(1)
        .filter_map(|rest| rest.split(')').next())
        .map(|target| target.split(' ').next().unwrap_or(target))
        .collect()
}

/// The anchor that a heading gets on the web: lower case, blanks to hyphens, nothing but letters, digits, `-` and `_`.
fn anchor(heading: &str) -> String {
    let kept = heading.trim().to_lowercase();
    kept.chars()
        .filter(|letter| letter.is_alphanumeric() || " -_".contains(*letter))
        .map(|letter| if letter == ' ' { '-' } else { letter })
        .collect()
}

fn anchors(page: &File) -> BTreeSet<String> {
    prose(page)
        .filter(|(_, line)| line.starts_with('#'))
        .map(|(_, line)| anchor(line.trim_start_matches('#')))
        .collect()
}

/// Joins a relative link to the folder of the page that it stands on.
fn resolve(page: &str, target: &str) -> String {
    let mut parts: Vec<&str> = page.split('/').collect();
    parts.pop();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            name => parts.push(name),
        }
    }
    parts.join("/")
}

#[test]
fn links_lead_somewhere() {
    let pages = pages();
    let root = workspace_root();
    let mut faults = Vec::new();
    for page in &pages {
        for (number, target) in prose(page)
            .flat_map(|(number, line)| targets(line).into_iter().map(move |target| (number, target)))
        {
            if target.contains("://") || target.starts_with("mailto:") || target.starts_with('<') {
                continue;
            }
            let (path, wanted) =
                target.split_once('#').map_or((target, None), |(path, anchor)| (path, Some(anchor)));
            let path = if path.is_empty() { page.path.clone() } else { resolve(&page.path, path) };
            if !root.join(&path).exists() {
                faults.push(format!("{}:{number}: {target}: there is no {path}", page.path));
            } else if let (Some(wanted), Some(other)) =
                (wanted, pages.iter().find(|other| other.path == path))
                && !anchors(other).contains(wanted)
            {
                faults.push(format!("{}:{number}: {target}: {path} has no such heading", page.path));
            }
        }
    }
    none(&faults, "Correct the link, or the place that it leads to.");
}

#[test]
fn nothing_names_a_path_of_a_machine() {
    let places = [["/wo", "rk/"].concat(), ["/ro", "ot/"].concat(), ["/ho", "me/"].concat()];
    let mut faults = Vec::new();
    for file in files(|path| !path.ends_with(".lock") && !path.ends_with("package-lock.json")) {
        for (number, line) in file.lines() {
            // Within a URL or a longer path it is a folder of somebody else.
            let is_it = |place: &String| {
                line.match_indices(place.as_str()).any(|(start, _)| {
                    let before = line.get(..start).and_then(|head| head.chars().next_back());
                    before.is_none_or(|letter| !letter.is_alphanumeric() && !"./_-~}$".contains(letter))
                })
            };
            if places.iter().any(is_it) {
                faults.push(format!("{}:{number}: {}", file.path, line.trim()));
            }
        }
    }
    none(&faults, "Name the place relative to the repository, or by an environment variable.");
}

#[test]
fn every_folder_has_its_sentence() {
    let page = std::fs::read_to_string(workspace_root().join("docs/architecture.md"))
        .unwrap_or_else(|error| panic!("docs/architecture.md, which says what each folder is for: {error}"));
    let mut folders = BTreeSet::new();
    for path in paths() {
        let parts: Vec<&str> = path.split('/').collect();
        match parts.as_slice() {
            [top, _, ..] if *top != "crates" => drop(folders.insert(format!("{top}/"))),
            ["crates", name, _, ..] => drop(folders.insert((*name).to_owned())),
            _ => {}
        }
    }
    let faults: Vec<_> = folders.into_iter().filter(|folder| !page.contains(folder.as_str())).collect();
    none(
        &faults,
        "Say in docs/architecture.md what the folder is for: a folder without an owner sentence is not added.",
    );
}

/// The commands of a table row or a line: what stands between backticks and calls a script of this repository.
fn commands(line: &str) -> Vec<&str> {
    line.split('`')
        .skip(1)
        .step_by(2)
        .filter(|code| code.starts_with("./") || code.starts_with("just ") || code.starts_with("cargo "))
        .collect()
}

#[test]
fn commands_of_the_requirements_exist() {
    let root = workspace_root();
    // The page is written with the parts that it speaks of.
    let Ok(text) = std::fs::read_to_string(root.join("docs/requirements.md")) else { return };
    let recipes = std::fs::read_to_string(root.join("justfile")).unwrap();
    let sources: String =
        files(|path| path.ends_with(".rs") || path.ends_with(".py") || path.ends_with(".mjs"))
            .into_iter()
            .map(|file| file.text)
            .collect();
    let mut faults = Vec::new();
    for (index, line) in text.lines().enumerate() {
        for command in commands(line) {
            let words: Vec<&str> = command.split_whitespace().collect();
            let exists = match words.as_slice() {
                ["just", recipe, ..] => {
                    recipes.lines().any(|line| line.starts_with(recipe) && line.contains(':'))
                }
                [script, ..] if script.starts_with("./") => root.join(script).is_file(),
                // The last word of `cargo test … name` is the test.
                ["cargo", "test", .., name] if !name.starts_with('-') => {
                    sources.contains(name.rsplit("::").next().unwrap_or(name))
                }
                _ => true,
            };
            if !exists {
                faults.push(format!("docs/requirements.md:{}: {command}", index + 1));
            }
        }
    }
    none(&faults, "The command does not exist: correct the row, or add what it calls.");
}

#[test]
fn links_and_anchors_are_read_as_they_are_meant() {
    assert_eq!(targets("see [a](b.md) and [c](../d.md#e \"title\")"), ["b.md", "../d.md#e"]);
    assert_eq!(resolve("docs/how-to/a.md", "../reference/b.md"), "docs/reference/b.md");
    assert_eq!(anchor(" What it is, and for whom"), "what-it-is-and-for-whom");
    assert_eq!(commands("| R1 | `./tests/run` and `nothing` |"), ["./tests/run"]);
}
