// Rust: std::fs, std::env and std::io as a program would use them; leaves a tree.
use std::fs;
use std::io::{self, BufRead, Read, Seek, SeekFrom, Write};

fn main() -> io::Result<()> {
    let args: Vec<String> = std::env::args().collect();
    println!("args {:?}", args);
    println!("task {:?}", std::env::var("MILLRACE_TASK").ok());

    fs::create_dir_all("a/b/c")?;
    fs::write("a/b/c/one.txt", "first\nsecond\n")?;
    let mut file = fs::OpenOptions::new().append(true).open("a/b/c/one.txt")?;
    file.write_all(b"third\n")?;
    drop(file);
    let mut file = fs::OpenOptions::new().read(true).write(true).open("a/b/c/one.txt")?;
    file.seek(SeekFrom::Start(6))?;
    let mut text = String::new();
    file.read_to_string(&mut text)?;
    println!("from 6: {:?}", text);
    file.set_len(5)?;
    println!("length {}", file.metadata()?.len());

    fs::copy("/in/names/b.txt", "copy.txt")?;
    fs::rename("a/b/c/one.txt", "a/renamed.txt")?;
    fs::remove_dir("a/b/c")?;
    println!("again {:?}", fs::remove_dir("a/b/c").unwrap_err().kind());
    let mut names: Vec<String> = Vec::new();
    for entry in fs::read_dir("/in/names")? {
        names.push(entry?.file_name().into_string().unwrap());
    }
    println!("names {:?}", names);
    println!("denied {:?}", fs::write("/in/new", "x").is_err());
    for i in 0..300 {
        fs::create_dir_all("many")?;
        fs::write(format!("many/{}", i), vec![b'x'; i * 10])?;
    }
    let mut removed = 0;
    for entry in fs::read_dir("many")? {
        let entry = entry?;
        if entry.metadata()?.len() % 20 == 0 {
            fs::remove_file(entry.path())?;
            removed += 1;
        }
    }
    println!("removed {} left {}", removed, fs::read_dir("many")?.count());
    fs::remove_dir_all("many")?;
    println!("gone {}", fs::metadata("many").is_err());
    let first = io::stdin().lock().lines().next().unwrap()?;
    println!("stdin {:?}", first);
    std::process::exit(3);
}
