#include "node/provider/journal.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace millrace::node {

namespace fs = std::filesystem;

namespace {

constexpr int kErrorJournal = 40;

Error journal_error(const fs::path& path, const std::string& what) {
    return Error{kErrorJournal, "provider journal " + path.string() + ": " + what};
}

Result<Bytes> read_file(const fs::path& path) {
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) return Err{journal_error(path, std::generic_category().message(errno))};
    // An entry holds at most 1,024 claims of some 200 bytes.
    constexpr std::size_t kEntryBytesMax = 1U << 20U;
    Bytes raw(kEntryBytesMax);
    std::size_t size = 0;
    for (;;) {
        const ssize_t got = ::read(fd, raw.data() + size, raw.size() - size);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) break;
        size += static_cast<std::size_t>(got);
    }
    ::close(fd);
    raw.resize(size);
    return raw;
}

Status<> write_synced(const fs::path& path, ByteView raw) {
    const fs::path fresh = path.string() + ".new";
    const int fd = ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) return Err{journal_error(path, std::generic_category().message(errno))};
    bool is_good = true;
    while (is_good && !raw.empty()) {
        const ssize_t n = ::write(fd, raw.data(), raw.size());
        if (n < 0 && errno == EINTR) continue;
        is_good = n > 0;
        if (is_good) raw = raw.subspan(static_cast<std::size_t>(n));
    }
    is_good = is_good && ::fsync(fd) == 0;
    ::close(fd);
    if (!is_good || ::rename(fresh.c_str(), path.c_str()) != 0)
        return Err{journal_error(path, "cannot be written; is the disk full?")};
    // The rename is in the folder; without this a power cut could take it back.
    const int folder = ::open(path.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const bool is_synced = folder >= 0 && ::fsync(folder) == 0;
    if (folder >= 0) ::close(folder);
    if (!is_synced) return Err{journal_error(path.parent_path(), "cannot be synced")};
    return Ok{};
}

}  // namespace

Result<Journal> Journal::open(fs::path folder) {
    Journal journal(std::move(folder));
    std::error_code ec;
    fs::create_directories(journal.folder_, ec);
    if (ec) return Err{journal_error(journal.folder_, ec.message())};
    for (const auto& file : fs::directory_iterator(journal.folder_, ec)) {
        if (file.path().extension() != ".lease") continue;
        MILLRACE_TRY(const Bytes raw, read_file(file.path()));
        auto entry = decode<JournalEntry>(raw);
        if (!entry.has_value())
            return Err{journal_error(file.path(),
                                     "is damaged; its lease cannot be revealed. Move the file away "
                                     "to go on without it")};
        journal.entries_[entry->lease] = *std::move(entry);
    }
    if (ec) return Err{journal_error(journal.folder_, ec.message())};
    return journal;
}

const JournalEntry* Journal::find(const LeaseId& lease) const {
    const auto found = entries_.find(lease);
    return found == entries_.end() ? nullptr : &found->second;
}

Status<> Journal::put(JournalEntry entry) {
    MILLRACE_CHECK(write_synced(path_of(entry.lease), encode(entry)));
    entries_[entry.lease] = std::move(entry);
    return Ok{};
}

void Journal::erase(const LeaseId& lease) {
    ::unlink(path_of(lease).c_str());
    entries_.erase(lease);
}

fs::path Journal::path_of(const LeaseId& lease) const {
    return folder_ / (to_hex(lease.view()) + ".lease");
}

}  // namespace millrace::node
