// Counts lines, words and each word's length in the files that its arguments name (under /in), and
// writes a table to /report.txt through a rename. Needs files, arguments, environment, streams, a
// sort, a map and a garbage collector.
import {
  fd_close,
  fd_prestat_dir_name,
  fd_prestat_get,
  fd_read,
  fd_readdir,
  fd_write,
  oflags,
  path_create_directory,
  path_open,
  path_rename,
  prestat,
  rights,
} from "@assemblyscript/wasi-shim/assembly/bindings/wasi_snapshot_preview1";

const scratch = memory.data(64);

function check(what: string, error: u16): void {
  if (error == 0) return;
  process.stderr.write(what + ": error " + error.toString() + "\n");
  process.exit(9);
}

/// The descriptor of a preopened folder, looked for as libc does.
function folder(name: string): u32 {
  for (let fd: u32 = 3; fd_prestat_get(fd, changetype<prestat>(scratch)) == 0; ++fd) {
    const size = load<u32>(scratch, 4);
    const buffer = new ArrayBuffer(size);
    check("dir_name", fd_prestat_dir_name(fd, changetype<usize>(buffer), size));
    if (String.UTF8.decode(buffer) == name) return fd;
  }
  process.stderr.write("no folder " + name + "\n");
  process.exit(8);
  return 0;
}

function open(directory: u32, path: string, flags: u16, wanted: u64): i32 {
  const text = String.UTF8.encode(path);
  const error = path_open(directory, 0, changetype<usize>(text), text.byteLength, flags, wanted, 0, 0, scratch);
  return error == 0 ? load<i32>(scratch) : -<i32>error;
}

function readAll(fd: u32): string {
  let out = "";
  const buffer = new ArrayBuffer(1000);
  let got: u32 = 1;
  while (got != 0) {
    store<usize>(scratch, changetype<usize>(buffer));
    store<usize>(scratch, 1000, 4);
    check("read", fd_read(fd, scratch, 1, scratch + 8));
    got = load<u32>(scratch, 8);
    out += String.UTF8.decodeUnsafe(changetype<usize>(buffer), got);
  }
  return out;
}

function writeAll(fd: u32, text: string): void {
  const bytes = String.UTF8.encode(text);
  let done: u32 = 0;
  while (done < <u32>bytes.byteLength) {
    store<usize>(scratch, changetype<usize>(bytes) + done);
    store<usize>(scratch, <u32>bytes.byteLength - done, 4);
    check("write", fd_write(fd, scratch, 1, scratch + 8));
    done += load<u32>(scratch, 8);
  }
}

function names(fd: u32): string[] {
  const out: string[] = [];
  const buffer = new ArrayBuffer(4096);
  check("readdir", fd_readdir(fd, changetype<usize>(buffer), 4096, 0, scratch));
  const end = changetype<usize>(buffer) + load<u32>(scratch);
  for (let at = changetype<usize>(buffer); at + 24 <= end; ) {
    const length = load<u32>(at, 16);
    const name = String.UTF8.decodeUnsafe(at + 24, length);
    if (name != "." && name != "..") out.push(name);
    at += 24 + length;
  }
  return out.sort();
}

const input = folder("/in");
const output = folder("/");
const greeting = process.env.has("GREETING") ? process.env.get("GREETING") : "nobody";
process.stdout.write("hello from " + process.argv[0] + ", " + greeting + "\n");
process.stdout.write("files: " + names(input).join(" ") + "\n");

let report = "";
let missing = 0;
const lengths = new Map<i32, i32>();
for (let i = 1; i < process.argv.length; ++i) {
  const name = process.argv[i];
  const fd = open(input, name, 0, rights.FD_READ);
  if (fd < 0) {
    process.stderr.write(name + ": error " + (-fd).toString() + "\n");
    ++missing;
    continue;
  }
  const text = readAll(fd);
  check("close", fd_close(fd));
  const words = text.split("\n").join(" ").split(" ").filter(word => word.length > 0);
  for (let k = 0; k < words.length; ++k) {
    const length = words[k].length;
    lengths.set(length, (lengths.has(length) ? lengths.get(length) : 0) + 1);
  }
  report += name + ": " + (text.split("\n").length - 1).toString() + " lines, " + words.length.toString() + " words\n";
}
const sizes = lengths.keys().sort();
for (let i = 0; i < sizes.length; ++i)
  report += sizes[i].toString() + " letters: " + lengths.get(sizes[i]).toString() + "\n";

const made = String.UTF8.encode("made");
check("mkdir", path_create_directory(output, changetype<usize>(made), made.byteLength));
const fd = open(output, "made/part", oflags.CREAT | oflags.EXCL, rights.FD_WRITE);
if (fd < 0) check("open", <u16>-fd);
writeAll(fd, report);
check("close", fd_close(fd));
const part = String.UTF8.encode("made/part");
const whole = String.UTF8.encode("report.txt");
check("rename", path_rename(output, changetype<usize>(part), part.byteLength, output, changetype<usize>(whole), whole.byteLength));
process.exit(missing);
