// Word count as a Millrace job, map and reduce in one program.
//
//   rustc --edition 2021 --target wasm32-wasi -O -o wordcount.wasm wordcount.rs
//   millrace job run wordcount.wasm --input texts/ --tasks 8 --output parts/
//   millrace run wordcount.wasm --input parts/ --output . -- reduce
//
// As a task it counts the words of every file whose place in the sorted list is its own modulo the number
// of tasks, and leaves /counts.txt behind; `reduce` adds up all counts.txt under /in. A word is a run of
// letters a to z in either case, counted in lower case.
use std::collections::BTreeMap;
use std::fs;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

type Counts = BTreeMap<String, u64>;

fn files_under(folder: &Path, out: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            files_under(&path, out)?;
        } else {
            out.push(path);
        }
    }
    Ok(())
}

fn count_words(path: &Path, counts: &mut Counts) -> io::Result<()> {
    let mut bytes = Vec::new();
    fs::File::open(path)?.read_to_end(&mut bytes)?;
    for word in bytes.split(|b| !b.is_ascii_alphabetic()).filter(|w| !w.is_empty()) {
        let word = String::from_utf8(word.to_ascii_lowercase()).expect("letters are UTF-8");
        *counts.entry(word).or_insert(0) += 1;
    }
    Ok(())
}

fn add_counts(path: &Path, counts: &mut Counts) -> io::Result<()> {
    for line in BufReader::new(fs::File::open(path)?).lines() {
        let line = line?;
        let bad = || io::Error::new(io::ErrorKind::InvalidData, format!("{}: {}", path.display(), line));
        let (number, word) = line.trim_start().split_once(' ').ok_or_else(bad)?;
        *counts.entry(word.to_string()).or_insert(0) += number.parse::<u64>().map_err(|_| bad())?;
    }
    Ok(())
}

fn number_from(name: &str, fallback: usize) -> usize {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(fallback)
}

fn run() -> io::Result<()> {
    let reduce = std::env::args().nth(1).as_deref() == Some("reduce");
    let mut files = Vec::new();
    files_under(Path::new("/in"), &mut files)?;
    files.sort();
    let mut counts = Counts::new();
    if reduce {
        for path in files.iter().filter(|p| p.file_name().map_or(false, |n| n == "counts.txt")) {
            add_counts(path, &mut counts)?;
        }
    } else {
        let (index, tasks) = (number_from("MILLRACE_TASK", 0), number_from("MILLRACE_TASKS", 1));
        for path in files.iter().skip(index).step_by(tasks) {
            count_words(path, &mut counts)?;
        }
    }
    let mut out = BufWriter::new(fs::File::create("/counts.txt")?);
    for (word, number) in &counts {
        writeln!(out, "{} {}", number, word)?;
    }
    out.flush()?;
    let total: u64 = counts.values().sum();
    println!("{} words, {} different", total, counts.len());
    Ok(())
}

fn main() {
    if let Err(trouble) = run() {
        eprintln!("wordcount: {}", trouble);
        std::process::exit(1);
    }
}
