#include "node/storage/ledger_db.hpp"

#include <rocksdb/cache.h>
#include <rocksdb/compaction_filter.h>
#include <rocksdb/db.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/options.h>
#include <rocksdb/table.h>
#include <rocksdb/write_batch.h>
#include <rocksdb/write_buffer_manager.h>

#include <array>
#include <atomic>
#include <system_error>

namespace millrace::node {

namespace {

constexpr std::array<const char*, kColumns> kColumnNames{"default", "flat",  "pages",  "blocks",
                                                         "index",   "votes", "history"};
/// What was read, with indices and filters, and the memtables of all columns: one budget, so that a
/// node's memory has a ceiling.
constexpr std::size_t kCacheBytes = 192 * 1024 * 1024;
/// The memtables' part of it, above which the largest is flushed.
constexpr std::size_t kMemtablesBytes = 64 * 1024 * 1024;
constexpr std::size_t kMemtableBytes = 16 * 1024 * 1024;
constexpr std::uint64_t kWalBytes = 64 * 1024 * 1024;
/// Info logs of RocksDB itself; they are for its authors, two small ones suffice.
constexpr std::size_t kInfoLogBytes = 1024 * 1024;
constexpr std::string_view kVersionKey = "data_version";

rocksdb::Slice slice(ByteView raw) {
    const std::string_view text = as_text(raw);
    return text.empty() ? rocksdb::Slice() : rocksdb::Slice(text.data(), text.size());
}
Bytes bytes(const rocksdb::Slice& raw) {
    const ByteView view = as_bytes({raw.data(), raw.size()});
    return {view.begin(), view.end()};
}
Error failure(const char* what, const rocksdb::Status& status) {
    return Error{2, std::string("cannot ") + what + " the ledger: " + status.ToString() +
                        "; look at the disk under the data folder, then start again: the last "
                        "final block is safe"};
}

/// Leaves out of compacted files what is older than the operator wants to keep. A filter needs no
/// index by height and no deletions, which would double the writes of every block.
class HistoryFilter final : public rocksdb::CompactionFilter {
  public:
    const char* Name() const override { return "millrace.history"; }
    bool Filter(int /*level*/, const rocksdb::Slice& key, const rocksdb::Slice& /*value*/,
                std::string* /*replacement*/, bool* /*changed*/) const override {
        constexpr std::size_t kTail = 12;
        if (key.size() < kTail) return false;
        std::uint64_t height = 0;
        for (std::size_t i = 0; i < 8; ++i)
            height = height << 8U | static_cast<std::uint8_t>(key[key.size() - kTail + i]);
        return height < floor.load(std::memory_order_relaxed);
    }
    std::atomic<std::uint64_t> floor{0};
};

struct Handles {
    rocksdb::DB* db = nullptr;
    std::array<rocksdb::ColumnFamilyHandle*, kColumns> columns{};
    [[nodiscard]] rocksdb::ColumnFamilyHandle* of(Column column) const {
        return columns.at(static_cast<std::size_t>(column));
    }
};

Result<std::optional<Bytes>> read(const Handles& handles, const rocksdb::ReadOptions& options,
                                  Column column, ByteView key) {
    rocksdb::PinnableSlice value;
    const rocksdb::Status status = handles.db->Get(options, handles.of(column), slice(key), &value);
    if (status.IsNotFound()) return std::optional<Bytes>();
    if (!status.ok()) return Err{failure("read", status)};
    return std::optional<Bytes>(bytes(value));
}

Result<std::vector<KeyValue>> read_range(const Handles& handles, rocksdb::ReadOptions options,
                                         Column column, ByteView prefix, ByteView from,
                                         std::size_t limit) {
    options.total_order_seek = true;
    const std::unique_ptr<rocksdb::Iterator> it(
        handles.db->NewIterator(options, handles.of(column)));
    std::vector<KeyValue> out;
    const rocksdb::Slice start =
        slice(from).compare(slice(prefix)) > 0 ? slice(from) : slice(prefix);
    for (it->Seek(start); it->Valid() && out.size() < limit; it->Next()) {
        if (!it->key().starts_with(slice(prefix))) break;
        out.emplace_back(bytes(it->key()), bytes(it->value()));
    }
    if (!it->status().ok()) return Err{failure("read", it->status())};
    return out;
}

Result<std::optional<KeyValue>> read_last(const Handles& handles, rocksdb::ReadOptions options,
                                          Column column, ByteView prefix) {
    options.total_order_seek = true;
    const std::unique_ptr<rocksdb::Iterator> it(
        handles.db->NewIterator(options, handles.of(column)));
    // The first key above all that start with the prefix, where there is such a key.
    Bytes above(prefix.begin(), prefix.end());
    while (!above.empty() && above.back() == 0xff) above.pop_back();
    if (above.empty()) {
        it->SeekToLast();
    } else {
        ++above.back();
        it->SeekForPrev(slice(above));
        if (it->Valid() && it->key() == slice(above)) it->Prev();
    }
    std::optional<KeyValue> out;
    if (it->Valid() && it->key().starts_with(slice(prefix)))
        out.emplace(bytes(it->key()), bytes(it->value()));
    if (!it->status().ok()) return Err{failure("read", it->status())};
    return out;
}

class Snapshot final : public DbReader {
  public:
    explicit Snapshot(const Handles& handles)
        : handles_(handles), snapshot_(handles.db->GetSnapshot()) {
        options_.snapshot = snapshot_;
    }
    ~Snapshot() override { handles_.db->ReleaseSnapshot(snapshot_); }
    Snapshot(const Snapshot&) = delete;
    Snapshot& operator=(const Snapshot&) = delete;

    Result<std::optional<Bytes>> get(Column column, ByteView key) const override {
        return read(handles_, options_, column, key);
    }
    Result<std::vector<KeyValue>> scan(Column column, ByteView prefix, ByteView from,
                                       std::size_t limit) const override {
        return read_range(handles_, options_, column, prefix, from, limit);
    }
    using DbReader::last;
    Result<std::optional<KeyValue>> last(Column column, ByteView prefix) const override {
        return read_last(handles_, options_, column, prefix);
    }

  private:
    const Handles& handles_;
    const rocksdb::Snapshot* snapshot_;
    rocksdb::ReadOptions options_;
};

}  // namespace

class LedgerDb::Impl {
  public:
    Impl() = default;
    Impl(const Impl&) = delete;
    Impl& operator=(const Impl&) = delete;
    ~Impl() {
        if (handles.db == nullptr) return;
        for (rocksdb::ColumnFamilyHandle* column : handles.columns)
            handles.db->DestroyColumnFamilyHandle(column);
        handles.db->Close();
        delete handles.db;
    }
    Handles handles;
    HistoryFilter history_filter;
};

namespace {

Error other_version(const std::filesystem::path& folder, std::string_view version) {
    return Error{4, "the data folder " + folder.string() + " has data version " +
                        std::string(version) + ", this program knows version " +
                        std::string(kDataVersion) +
                        "; use the program that wrote it, or another folder with --data-dir"};
}

/// The version of a folder whose columns are not ours, without writing to it; empty when there is
/// none to be read, as in a folder whose first start was cut off.
std::string version_of_other(const std::filesystem::path& folder) {
    rocksdb::DB* raw = nullptr;
    if (!rocksdb::DB::OpenForReadOnly(rocksdb::Options(), folder.string(), &raw).ok()) return {};
    const std::unique_ptr<rocksdb::DB> db(raw);
    std::string version;
    if (!db->Get({}, slice(as_bytes(kVersionKey)), &version).ok()) return {};
    return version;
}

}  // namespace

LedgerDb::LedgerDb(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
LedgerDb::~LedgerDb() = default;

Result<std::unique_ptr<LedgerDb>> LedgerDb::open(const std::filesystem::path& folder) {
    std::error_code ec;
    std::filesystem::create_directories(folder, ec);
    if (ec)
        return Err{
            Error{2, "cannot create the data folder " + folder.string() + ": " + ec.message()}};

    rocksdb::Options options;
    options.create_if_missing = true;
    // Nothing is added to a folder of another version: the program that wrote it could not open it
    // again.
    options.create_missing_column_families = !std::filesystem::exists(folder / "CURRENT", ec);
    options.max_open_files = 256;
    // What a start has to read again: a second of it, not a minute.
    options.max_total_wal_size = kWalBytes;
    options.keep_log_file_num = 2;
    options.max_log_file_size = kInfoLogBytes;
    // A torn record at the end of the log is a write that was never acknowledged: drop it. Damage
    // before the end is not ours to repair silently.
    options.wal_recovery_mode = rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords;
    options.paranoid_checks = true;

    rocksdb::BlockBasedTableOptions table;
    table.block_cache = rocksdb::NewLRUCache(kCacheBytes);
    options.write_buffer_manager =
        std::make_shared<rocksdb::WriteBufferManager>(kMemtablesBytes, table.block_cache);
    table.cache_index_and_filter_blocks = true;
    table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
    rocksdb::ColumnFamilyOptions column;
    column.write_buffer_size = kMemtableBytes;
    column.compression = rocksdb::kLZ4Compression;
    column.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));

    std::vector<rocksdb::ColumnFamilyDescriptor> descriptors;
    descriptors.reserve(kColumnNames.size());
    for (const char* name : kColumnNames) descriptors.emplace_back(name, column);
    std::vector<rocksdb::ColumnFamilyHandle*> columns;
    auto impl = std::make_unique<Impl>();
    rocksdb::ColumnFamilyOptions& history =
        descriptors.at(static_cast<std::size_t>(Column::history)).options;
    history.compaction_filter = &impl->history_filter;
    // Files that nothing else touches are still rid of what is old within a day.
    constexpr std::uint64_t kDaySeconds = 86'400;
    history.periodic_compaction_seconds = kDaySeconds;
    rocksdb::Status status =
        rocksdb::DB::Open(options, folder.string(), descriptors, &columns, &impl->handles.db);
    if (status.IsInvalidArgument()) {
        if (const std::string version = version_of_other(folder); !version.empty())
            return Err{other_version(folder, version)};
        options.create_missing_column_families = true;
        status =
            rocksdb::DB::Open(options, folder.string(), descriptors, &columns, &impl->handles.db);
    }
    if (status.IsIOError() && status.ToString().find("lock") != std::string::npos)
        return Err{Error{3, "another millraced uses the data folder " + folder.string() +
                                "; stop it, or choose another folder with --data-dir"}};
    if (!status.ok())
        return Err{Error{2, "cannot open the ledger in " + folder.string() + ": " +
                                status.ToString() +
                                "; if the disk is sound, restore the folder or join anew"}};
    for (std::size_t i = 0; i < kColumns; ++i) impl->handles.columns.at(i) = columns.at(i);

    std::unique_ptr<LedgerDb> db(new LedgerDb(std::move(impl)));
    MILLRACE_TRY(const std::optional<Bytes> version, db->get(Column::meta, as_bytes(kVersionKey)));
    if (!version) {
        const ByteView now = as_bytes(kDataVersion);
        const DbWrite write{Column::meta,
                            Bytes(as_bytes(kVersionKey).begin(), as_bytes(kVersionKey).end()),
                            Bytes(now.begin(), now.end())};
        MILLRACE_CHECK(db->commit({&write, 1}));
    } else if (as_text(*version) != kDataVersion) {
        return Err{other_version(folder, as_text(*version))};
    }
    return db;
}

Result<std::optional<Bytes>> LedgerDb::get(Column column, ByteView key) const {
    return read(impl_->handles, {}, column, key);
}
Result<std::vector<KeyValue>> LedgerDb::scan(Column column, ByteView prefix, ByteView from,
                                             std::size_t limit) const {
    return read_range(impl_->handles, {}, column, prefix, from, limit);
}
Result<std::optional<KeyValue>> LedgerDb::last(Column column, ByteView prefix) const {
    return read_last(impl_->handles, {}, column, prefix);
}

Status<> LedgerDb::commit(std::span<const DbWrite> writes) {
    rocksdb::WriteBatch batch;
    for (const DbWrite& write : writes) {
        const rocksdb::Status added =
            write.value
                ? batch.Put(impl_->handles.of(write.column), slice(write.key), slice(*write.value))
                : batch.Delete(impl_->handles.of(write.column), slice(write.key));
        if (!added.ok()) return Err{failure("write", added)};
    }
    rocksdb::WriteOptions options;
    options.sync = true;
    // Our batches come sorted by key: each insertion starts where the one before ended.
    options.memtable_insert_hint_per_batch = true;
    const rocksdb::Status status = impl_->handles.db->Write(options, &batch);
    if (!status.ok()) return Err{failure("write", status)};
    return Ok{};
}

void LedgerDb::release_history_below(std::uint64_t height) {
    impl_->history_filter.floor.store(height, std::memory_order_relaxed);
}

Status<> LedgerDb::compact_history() {
    rocksdb::CompactRangeOptions options;
    // Also files that lie at the bottom already: those hold what is oldest.
    options.bottommost_level_compaction = rocksdb::BottommostLevelCompaction::kForce;
    const rocksdb::Status done = impl_->handles.db->CompactRange(
        options, impl_->handles.of(Column::history), nullptr, nullptr);
    if (!done.ok()) return Err{failure("compact", done)};
    return Ok{};
}

std::unique_ptr<DbReader> LedgerDb::snapshot() const {
    return std::make_unique<Snapshot>(impl_->handles);
}

}  // namespace millrace::node
