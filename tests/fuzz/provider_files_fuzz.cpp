// Input: one byte that chooses a file of a node, then its content, as it may lie on a disk after a
// crash or a careless hand: an entry of the journal, a key, a pin, a list of chunks, a row of the
// ledger's database. Journal and keys are read through the functions that read them at the node's
// start; what opens must be what the bytes say, and no more.
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "common/chunk_list.hpp"
#include "node/blobs/pins.hpp"
#include "node/chain/block_store.hpp"
#include "node/chain/history.hpp"
#include "node/keys.hpp"
#include "node/provider/journal.hpp"

namespace {

using namespace millrace;
using namespace millrace::node;
namespace fs = std::filesystem;

/// One folder a process, removed when it ends.
class Scratch {
  public:
    Scratch() {
        std::string pattern = (fs::temp_directory_path() / "millrace-fuzz-XXXXXX").string();
        MILLRACE_ASSERT(::mkdtemp(pattern.data()) != nullptr);
        path_ = pattern;
        fs::create_directories(path_ / "journal");
        fs::create_directories(path_ / "keys");
    }
    ~Scratch() {
        std::error_code ignored;
        fs::remove_all(path_, ignored);
    }
    Scratch(const Scratch&) = delete;
    Scratch& operator=(const Scratch&) = delete;
    [[nodiscard]] const fs::path& path() const { return path_; }

  private:
    fs::path path_;
};

void write(const fs::path& path, ByteView content) {
    std::ofstream(path, std::ios::binary)
        .write(as_text(content).data(), static_cast<std::streamsize>(content.size()));
    MILLRACE_ASSERT(::chmod(path.c_str(), 0600) == 0);
}

void read_journal(const fs::path& folder, ByteView raw) {
    // An entry begins with its lease, and the lease names its file.
    Bytes name(32);
    std::copy_n(raw.begin(), std::min<std::size_t>(raw.size(), name.size()), name.begin());
    const fs::path path = folder / (to_hex(name) + ".lease");
    write(path, raw);
    const auto journal = Journal::open(folder);
    const auto entry = decode<JournalEntry>(raw);
    MILLRACE_ASSERT(journal.has_value() == entry.has_value());
    if (entry.has_value()) {
        MILLRACE_ASSERT(journal->entries().size() == 1);
        MILLRACE_ASSERT(std::ranges::equal(encode(*journal->find(entry->lease)), raw));
    } else {
        MILLRACE_ASSERT(!journal.error().message.empty());
    }
    fs::remove(path);
}

void read_key(const fs::path& folder, ByteView raw) {
    constexpr std::size_t kDigits = 64;
    const fs::path path = folder / "peer.key";
    write(path, raw);
    const auto keys = load_or_make_keys(folder);
    const bool is_key = raw.size() >= kDigits && from_hex(as_text(raw.first(kDigits))).has_value();
    MILLRACE_ASSERT(keys.has_value() == is_key);
    if (!is_key) MILLRACE_ASSERT(!keys.error().message.empty());
}

/// A row of a database, or a file that is one value: taken only in its one form.
template <class T>
void read_row(ByteView raw) {
    const auto value = decode<T>(raw);
    if (value.has_value()) MILLRACE_ASSERT(std::ranges::equal(encode(*value), raw));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const Scratch kScratch;
    if (size == 0) return 0;
    const ByteView raw(data + 1, size - 1);
    switch (data[0] % 9) {
        case 0:
            read_journal(kScratch.path() / "journal", raw);
            break;
        case 1:
            read_key(kScratch.path() / "keys", raw);
            break;
        case 2:
            read_row<PinRecord>(raw);
            break;
        case 3:
            read_row<StoredBlock>(raw);
            break;
        case 4:
            read_row<Head>(raw);
            break;
        case 5:
            read_row<TxPlace>(raw);
            break;
        case 6:
            read_row<ClearingRow>(raw);
            break;
        case 7:
            read_row<FillRow>(raw);
            break;
        default:
            read_row<ChunkList>(raw);
            break;
    }
    return 0;
}
