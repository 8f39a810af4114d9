#include "node/blobs/store.hpp"

#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <system_error>

#include "common/codec.hpp"
#include "common/page_tree.hpp"
#include "node/blobs/arrival.hpp"
#include "node/storage/durable_file.hpp"

namespace millrace::node {

namespace fs = std::filesystem;

namespace {

constexpr const char* kIncoming = "incoming";
constexpr const char* kListEnding = ".chunks";
constexpr const char* kPartEnding = ".part";
constexpr unsigned kMode = 0644;
/// 4,096 chunks of 32 bytes, with room.
constexpr std::size_t kListBytesMax = std::size_t{256} * 1024;

/// Files that are deleted before others are looked after again: about a millisecond of it.
constexpr std::size_t kLeavingAtOnce = 64;

std::uint64_t whole_blocks(std::uint64_t bytes) {
    return std::max<std::uint64_t>(1, (bytes + kBlobBlockBytes - 1) / kBlobBlockBytes) *
           kBlobBlockBytes;
}

std::optional<BlobId> id_in(const std::string& name) {
    const auto raw = from_hex(name);
    return raw ? BlobId::from(*raw) : std::nullopt;
}

}  // namespace

std::uint64_t blob_charge(std::uint64_t size) {
    // Lists of more than one chunk lie beside their blobs.
    const std::uint64_t chunks = chunk_count(size);
    return whole_blocks(size) + (chunks > 1 ? whole_blocks(chunks * Hash::kSize) : 0);
}

std::size_t BlobStore::FirstBytes::operator()(const Hash& hash) const noexcept {
    std::size_t out = 0;
    std::memcpy(&out, hash.bytes.data(), sizeof out);
    return out;
}

BlobStore::BlobStore(fs::path folder, std::uint64_t quota_bytes, DiskFree disk_free)
    : folder_(std::move(folder)), quota_bytes_(quota_bytes), disk_free_(std::move(disk_free)) {}
BlobStore::~BlobStore() = default;

Result<std::unique_ptr<BlobStore>> BlobStore::open(fs::path folder, std::uint64_t quota_bytes,
                                                   DiskFree disk_free) {
    std::unique_ptr<BlobStore> store(
        new BlobStore(std::move(folder), quota_bytes, std::move(disk_free)));
    MILLRACE_CHECK(store->load());
    return store;
}

// --- what lies there

fs::path BlobStore::path_of(const BlobId& id) const {
    const std::string name = to_hex(id.view());
    return folder_ / name.substr(0, 2) / name;
}
fs::path BlobStore::list_path_of(const BlobId& id) const {
    return path_of(id) += kListEnding;
}
fs::path BlobStore::part_path_of(const BlobId& id) const {
    return folder_ / kIncoming / (to_hex(id.view()) + kPartEnding);
}
fs::path BlobStore::plan_path_of(const BlobId& id) const {
    return folder_ / kIncoming / (to_hex(id.view()) + kListEnding);
}

std::optional<ChunkList> BlobStore::read_list(const fs::path& path, const BlobId& id) const {
    const auto raw = read_small_file(path, kListBytesMax);
    if (!raw.has_value() || !*raw) return std::nullopt;
    auto list = decode<ChunkList>(**raw);
    // A torn or foreign file is as good as none: the id tells.
    if (!list.has_value() || blob_id(*list) != hash_as<Hash>(id)) return std::nullopt;
    return *std::move(list);
}

Status<> BlobStore::load() {
    std::error_code ec;
    fs::create_directories(folder_ / kIncoming, ec);
    if (ec) return Err{blob_io_error("cannot create " + folder_.string(), ec.value())};
    const std::lock_guard lock(mutex_);
    MILLRACE_CHECK(load_blobs());
    return load_arrivals();
}

Status<> BlobStore::load_blobs() {
    struct Seen {
        fs::file_time_type written;
        BlobId id;
        std::uint64_t size;
    };
    std::vector<Seen> seen;
    std::error_code ec;
    for (const auto& shelf : fs::directory_iterator(folder_, ec)) {
        if (!shelf.is_directory() || shelf.path().filename() == kIncoming) continue;
        for (const auto& file : fs::directory_iterator(shelf.path(), ec)) {
            if (file.path().extension() == ".new") {
                // A list that a crash cut short.
                std::error_code ignored;
                fs::remove(file.path(), ignored);
                continue;
            }
            const auto id = id_in(file.path().filename().string());
            if (!id) continue;  // not ours, or the list of one; never touched
            std::error_code gone;
            const std::uint64_t size = file.file_size(gone);
            const auto written = file.last_write_time(gone);
            if (!gone) seen.push_back({written, *id, size});
        }
        if (ec) break;
    }
    if (ec) return Err{blob_io_error("cannot list " + folder_.string(), ec.value())};
    // The order of writing stands for the order of use across a restart.
    std::sort(seen.begin(), seen.end(), [](const Seen& a, const Seen& b) {
        return std::tie(a.written, a.id) < std::tie(b.written, b.id);
    });
    for (const Seen& blob : seen) {
        Entry& entry = entries_[blob.id];
        entry.size = blob.size;
        touch(blob.id, entry.last_use);
        used_bytes_ += blob_charge(blob.size);
        if (chunk_count(blob.size) < 2) continue;
        if (const auto list = read_list(list_path_of(blob.id), blob.id)) index(blob.id, *list);
    }
    return Ok{};
}

Status<> BlobStore::load_arrivals() {
    std::error_code ec;
    std::vector<fs::path> left;
    for (const auto& file : fs::directory_iterator(folder_ / kIncoming, ec))
        left.push_back(file.path());
    if (ec) return Err{blob_io_error("cannot list " + folder_.string(), ec.value())};
    std::sort(left.begin(), left.end());
    for (const fs::path& path : left) {
        if (path.extension() != kListEnding) continue;
        const auto id = id_in(path.stem().string());
        if (!id || entries_.contains(*id)) continue;
        auto list = read_list(path, *id);
        std::error_code gone;
        if (!list || fs::file_size(part_path_of(*id), gone) != list->length || gone) continue;
        const auto arrival = std::make_shared<Arrival>(*std::move(list), part_path_of(*id));
        // What of it is whole is found out when somebody announces it again.
        arrival->has_old_bytes = true;
        touch(*id, arrival->last_use);
        used_bytes_ += blob_charge(arrival->list.length);
        arrivals_.emplace(*id, arrival);
    }
    for (const fs::path& path : left) {
        const auto id = id_in(path.stem().string());
        std::error_code ignored;
        if (!id || !arrivals_.contains(*id)) fs::remove(path, ignored);
    }
    return Ok{};
}

// --- room

void BlobStore::touch(const BlobId& id, std::uint64_t& last_use) {
    if (last_use != 0) by_use_.erase(last_use);
    last_use = ++clock_;
    by_use_.emplace(last_use, id);
}

bool BlobStore::is_kept(const BlobId& id) const {
    if (!is_held_complete_ || !is_pinned_complete_) return true;
    if (held_.contains(id) || pinned_.contains(id)) return true;
    const auto arrival = arrivals_.find(id);
    return arrival != arrivals_.end() && arrival->second->users > 0;
}

bool BlobStore::fits_quota(std::uint64_t charge, std::uint64_t freed, std::size_t gone) const {
    return charge <= quota_bytes_ && used_bytes_ - freed <= quota_bytes_ - charge &&
           entries_.size() + arrivals_.size() - gone < kBlobsMax;
}

Result<std::vector<BlobId>> BlobStore::victims_for(std::uint64_t charge) const {
    const std::uint64_t disk = disk_free_(folder_);
    const std::uint64_t disk_need = charge + kDiskSlackBytes;
    std::uint64_t freed = 0;
    std::vector<BlobId> victims;
    const auto fits_disk = [&] { return disk + freed >= disk_need; };
    for (auto oldest = by_use_.begin();
         charge <= quota_bytes_ && !(fits_quota(charge, freed, victims.size()) && fits_disk()) &&
         oldest != by_use_.end();
         ++oldest) {
        const BlobId& id = oldest->second;
        if (is_kept(id)) continue;
        const auto entry = entries_.find(id);
        freed += blob_charge(entry != entries_.end() ? entry->second.size
                                                     : arrivals_.at(id)->list.length);
        victims.push_back(id);
    }
    if (!fits_quota(charge, freed, victims.size()))
        return Err{Error{kBlobStoreFull,
                         "no room for " + std::to_string(charge) +
                             " bytes: " + std::to_string(used_bytes_ - freed) + " of " +
                             std::to_string(quota_bytes_) +
                             " are needed by jobs, pinned or arriving; raise --blob-quota-bytes, "
                             "unpin jobs, or wait for jobs to end"}};
    if (!fits_disk())
        return Err{Error{kBlobStoreFull, "no room for " + std::to_string(charge) +
                                             " bytes: the disk under " + folder_.string() +
                                             " has " + std::to_string(disk) +
                                             " left; free some of it"}};
    return victims;
}

Status<> BlobStore::check_room(std::uint64_t size) const {
    const std::lock_guard lock(mutex_);
    MILLRACE_CHECK(victims_for(blob_charge(size)));
    return Ok{};
}

Status<> BlobStore::reserve(Lock& lock, std::uint64_t charge) {
    for (;;) {
        MILLRACE_TRY(const std::vector<BlobId> victims, victims_for(charge));
        if (victims.empty()) break;
        std::vector<Leaving> part;
        for (auto next = victims.begin(); next != victims.end();) {
            part.clear();
            for (; next != victims.end() && part.size() < kLeavingAtOnce; ++next) {
                // It may have been sent for, or be gone, since it was chosen.
                if (is_kept(*next)) continue;
                if (const auto dropped = drop(*next)) part.push_back(*dropped);
            }
            for (const Leaving& blob : part) leaving_.insert(blob.id);
            lock.unlock();
            for (const Leaving& blob : part) remove_files(blob);
            lock.lock();
            for (const Leaving& blob : part) leaving_.erase(blob.id);
            gone_.notify_all();
        }
        // Others may have taken what was freed: it is theirs. What the disk gives back it gives
        // when it likes, so that is not asked again.
        if (fits_quota(charge, 0, 0)) break;
    }
    used_bytes_ += charge;
    return Ok{};
}

std::optional<BlobStore::Leaving> BlobStore::drop(const BlobId& id) {
    if (const auto entry = entries_.find(id); entry != entries_.end()) {
        unindex(id);
        used_bytes_ -= blob_charge(entry->second.size);
        by_use_.erase(entry->second.last_use);
        entries_.erase(entry);
        return Leaving{id, false};
    }
    const auto arrival = arrivals_.find(id);
    if (arrival == arrivals_.end()) return std::nullopt;
    used_bytes_ -= blob_charge(arrival->second->list.length);
    by_use_.erase(arrival->second->last_use);
    arrivals_.erase(arrival);
    return Leaving{id, true};
}

void BlobStore::remove_files(const Leaving& blob) const {
    std::error_code ignored;
    fs::remove(blob.was_arriving ? part_path_of(blob.id) : path_of(blob.id), ignored);
    fs::remove(blob.was_arriving ? plan_path_of(blob.id) : list_path_of(blob.id), ignored);
}

void BlobStore::wait_until_gone(Lock& lock, const BlobId& id) {
    gone_.wait(lock, [&] { return !leaving_.contains(id); });
}

void BlobStore::evict(const BlobId& id) {
    if (const auto dropped = drop(id)) remove_files(*dropped);
}

void BlobStore::index(const BlobId& id, const ChunkList& list) {
    std::set<Hash> known;  // a file of one chunk over and over needs one spot
    for (std::uint32_t i = 0; i < list.chunks.size(); ++i) {
        const Hash& root = list.chunks[i];
        if (root != zero_subtree(kChunkLevels) && known.insert(root).second)
            spots_.emplace(root, Spot{id, i});
    }
}

void BlobStore::unindex(const BlobId& id) {
    const auto list = read_list(list_path_of(id), id);
    if (!list) return;  // never indexed
    for (const Hash& root : list->chunks) {
        const auto [first, last] = spots_.equal_range(root);
        for (auto spot = first; spot != last;)
            spot = spot->second.blob == id ? spots_.erase(spot) : std::next(spot);
    }
}

// --- reading

Result<ChunkList> BlobStore::hash_file(const fs::path& path, std::uint64_t size) const {
    MILLRACE_TRY(const BlobFile file, BlobFile::open(path, false));
    PageTreeHasher hasher(kRegionLevels, kChunkLevels);
    Bytes piece(kChunkSize);
    for (std::uint64_t at = 0; at < size; at += kChunkSize) {
        if (is_stopping_) return Err{Error{kBlobStopping, "blob store: the node is stopping"}};
        const MutableByteView chunk =
            MutableByteView(piece).first(chunk_length(size, at / kChunkSize));
        MILLRACE_CHECK(file.read_at(chunk, at));
        if (!hasher.push(chunk))
            return Err{Error{kBlobStoreIo, "blob store: " + path.string() + " is too long"}};
    }
    (void)hasher.finish();
    return chunk_list_of(hasher);
}

std::optional<BlobStore::Found> BlobStore::find(const BlobId& id) {
    const std::lock_guard lock(mutex_);
    const auto entry = entries_.find(id);
    if (entry == entries_.end()) return std::nullopt;
    touch(id, entry->second.last_use);
    return Found{path_of(id), entry->second.size};
}

std::optional<BlobStore::Stamp> BlobStore::stamp_of(const fs::path& path) {
    struct stat info{};
    if (::stat(path.c_str(), &info) != 0) return std::nullopt;
    return Stamp{info.st_ino, info.st_ctim.tv_sec, info.st_ctim.tv_nsec};
}

Result<std::optional<BlobStore::Found>> BlobStore::find_sound(const BlobId& id) {
    const auto found = find(id);
    if (!found) return std::optional<Found>();
    const auto stamp = stamp_of(found->path);
    {
        const std::lock_guard lock(mutex_);
        const auto entry = entries_.find(id);
        if (entry == entries_.end()) return std::optional<Found>();
        if (stamp && entry->second.sound == stamp) return found;
    }
    bool is_sound = false;
    std::error_code gone;
    if (stamp && fs::file_size(found->path, gone) == found->size) {
        MILLRACE_TRY(const ChunkList list, hash_file(found->path, found->size));
        is_sound = blob_id(list) == hash_as<Hash>(id);
    }
    const std::lock_guard lock(mutex_);
    const auto entry = entries_.find(id);
    if (entry == entries_.end()) return std::optional<Found>();
    if (is_sound) {
        entry->second.sound = stamp;
        return found;
    }
    // Sent anew in the meantime: the new file is not judged by the old one's bytes.
    if (stamp_of(found->path) != stamp) return std::optional<Found>();
    spdlog::error(
        "blob {} is damaged on the disk and was removed; check the disk, and send it anew",
        to_hex(id.view()));
    evict(id);
    return std::optional<Found>();
}

Result<std::optional<Bytes>> BlobStore::read(const BlobId& id, std::uint64_t size_max) {
    const auto found = find(id);
    if (!found || found->size > size_max) return std::optional<Bytes>();
    MILLRACE_TRY(const BlobFile file, BlobFile::open(found->path, false));
    Bytes out(found->size);
    MILLRACE_CHECK(file.read_at(out, 0));
    return std::optional<Bytes>(std::move(out));
}

Result<std::optional<ChunkList>> BlobStore::chunks(const BlobId& id) {
    const auto found = find(id);
    if (!found) return std::optional<ChunkList>();
    if (chunk_count(found->size) > 1)
        if (auto list = read_list(list_path_of(id), id)) return list;
    // Short, or of a store that kept no lists.
    MILLRACE_TRY(ChunkList list, hash_file(found->path, found->size));
    if (blob_id(list) != hash_as<Hash>(id))
        return Err{Error{kBlobStoreIo, "blob store: " + found->path.string() +
                                           " is damaged: its hash is another; check the disk"}};
    if (list.chunks.size() > 1) {
        MILLRACE_CHECK(write_durably(list_path_of(id), encode(list), kMode));
        const std::lock_guard lock(mutex_);
        if (entries_.contains(id)) {
            unindex(id);
            index(id, list);
        }
    }
    return std::optional(std::move(list));
}

std::vector<std::uint32_t> BlobStore::missing(std::span<const Hash> chunks) const {
    std::vector<std::uint32_t> out;
    const std::lock_guard lock(mutex_);
    for (std::uint32_t i = 0; i < chunks.size(); ++i)
        if (chunks[i] != zero_subtree(kChunkLevels) && !spots_.contains(chunks[i]))
            out.push_back(i);
    return out;
}

// --- a blob whose id is not known before its end

Result<std::unique_ptr<BlobStore::Upload>> BlobStore::begin(std::uint64_t size) {
    fs::path path;
    {
        Lock lock(mutex_);
        MILLRACE_CHECK(reserve(lock, blob_charge(size)));
        path = folder_ / kIncoming / (std::to_string(++uploads_) + kPartEnding);
    }
    auto file = BlobFile::create(std::move(path), size);
    if (!file.has_value()) {
        const std::lock_guard lock(mutex_);
        used_bytes_ -= blob_charge(size);
        return Err{file.error()};
    }
    return std::make_unique<Upload>(*this, *std::move(file), size);
}

BlobStore::Upload::Upload(BlobStore& store, BlobFile file, std::uint64_t size)
    : store_(store), file_(std::move(file)), size_(size), hasher_(kRegionLevels, kChunkLevels) {}

BlobStore::Upload::~Upload() {
    if (is_finished_) return;
    ::unlink(file_.path().c_str());
    const std::lock_guard lock(store_.mutex_);
    store_.used_bytes_ -= blob_charge(size_);
}

Status<> BlobStore::Upload::write(ByteView piece) {
    const std::uint64_t at = hasher_.length();
    if (piece.size() > size_ - at || !hasher_.push(piece))
        return Err{Error{kBlobWrongSize,
                         "more bytes than the " + std::to_string(size_) + " that were announced"}};
    MILLRACE_CHECK(file_.write_at(piece, at));
    if (at / kWriteBackBytes != hasher_.length() / kWriteBackBytes)
        file_.write_back(at / kWriteBackBytes * kWriteBackBytes, kWriteBackBytes);
    return Ok{};
}

Result<BlobId> BlobStore::Upload::finish() {
    if (hasher_.length() != size_)
        return Err{Error{kBlobWrongSize, std::to_string(hasher_.length()) + " bytes came, " +
                                             std::to_string(size_) + " were announced"}};
    const BlobId id = hash_as<BlobId>(file_id(size_, hasher_.finish()));
    MILLRACE_CHECK(file_.sync());
    MILLRACE_CHECK(store_.adopt(file_, id, chunk_list_of(hasher_)));
    is_finished_ = true;
    return id;
}

Status<> BlobStore::adopt(const BlobFile& file, const BlobId& id, const ChunkList& list) {
    const fs::path target = path_of(id);
    std::error_code ec;
    fs::create_directories(target.parent_path(), ec);
    if (ec) return Err{blob_io_error("cannot create " + target.parent_path().string(), ec.value())};
    {
        Lock lock(mutex_);
        wait_until_gone(lock, id);
    }
    if (list.chunks.size() > 1)
        MILLRACE_CHECK(write_durably(list_path_of(id), encode(list), kMode));
    {
        Lock lock(mutex_);
        wait_until_gone(lock, id);
        // Over the one that is there, if there is one: these bytes were just verified, the old ones
        // a while ago.
        if (::rename(file.path().c_str(), target.c_str()) != 0)
            return Err{blob_io_error("cannot rename to " + target.string(), errno)};
        if (const auto known = entries_.find(id); known != entries_.end())
            used_bytes_ -= blob_charge(known->second.size);
        else if (list.chunks.size() > 1)
            index(id, list);
        Entry& entry = entries_[id];
        entry.size = list.length;
        entry.sound = stamp_of(target);
        touch(id, entry.last_use);
    }
    MILLRACE_CHECK(sync_folder(target.parent_path()));
    return sync_folder(folder_);
}

Result<BlobId> BlobStore::put(ByteView content) {
    MILLRACE_TRY(const std::unique_ptr<Upload> upload, begin(content.size()));
    MILLRACE_CHECK(upload->write(content));
    return upload->finish();
}

// --- what must stay

void BlobStore::hold(std::set<BlobId> blobs, bool is_complete) {
    const std::lock_guard lock(mutex_);
    held_ = std::move(blobs);
    is_held_complete_ = is_complete;
}

void BlobStore::hold_also(const std::vector<BlobId>& blobs) {
    const std::lock_guard lock(mutex_);
    held_.insert(blobs.begin(), blobs.end());
}

void BlobStore::pin(std::set<BlobId> blobs, bool is_complete) {
    const std::lock_guard lock(mutex_);
    pinned_ = std::move(blobs);
    is_pinned_complete_ = is_complete;
}

BlobStore::Usage BlobStore::usage() const {
    const std::lock_guard lock(mutex_);
    return Usage{used_bytes_, quota_bytes_, entries_.size()};
}

}  // namespace millrace::node
