#include "node/provider/journal.hpp"

#include <unistd.h>

#include <system_error>

#include "node/storage/durable_file.hpp"

namespace millrace::node {

namespace fs = std::filesystem;

namespace {

constexpr int kErrorJournal = 40;

Error journal_error(const fs::path& path, const std::string& what) {
    return Error{kErrorJournal, "provider journal " + path.string() + ": " + what};
}

/// An entry holds at most 1,024 claims of some 200 bytes.
constexpr std::size_t kEntryBytesMax = 1U << 20U;
constexpr unsigned kMode = 0600;

}  // namespace

Result<Journal> Journal::open(fs::path folder) {
    Journal journal(std::move(folder));
    std::error_code ec;
    fs::create_directories(journal.folder_, ec);
    if (ec) return Err{journal_error(journal.folder_, ec.message())};
    for (const auto& file : fs::directory_iterator(journal.folder_, ec)) {
        if (file.path().extension() == ".new") {
            // Torn by a crash before its rename: nothing was sent on the strength of it.
            std::error_code ignored;
            fs::remove(file.path(), ignored);
            continue;
        }
        if (file.path().extension() != ".lease") continue;
        MILLRACE_TRY(const std::optional<Bytes> raw, read_small_file(file.path(), kEntryBytesMax));
        auto entry = decode<JournalEntry>(raw.value_or(Bytes{}));
        if (!entry.has_value() || file.path() != journal.path_of(entry->lease))
            return Err{journal_error(file.path(),
                                     "is damaged; its lease cannot be revealed. Move the file away "
                                     "to go on without it")};
        const LeaseId lease = entry->lease;
        journal.entries_[lease] = *std::move(entry);
    }
    if (ec) return Err{journal_error(journal.folder_, ec.message())};
    return journal;
}

const JournalEntry* Journal::find(const LeaseId& lease) const {
    const auto found = entries_.find(lease);
    return found == entries_.end() ? nullptr : &found->second;
}

Status<> Journal::put(JournalEntry entry) {
    MILLRACE_CHECK(write_durably(path_of(entry.lease), encode(entry), kMode));
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
